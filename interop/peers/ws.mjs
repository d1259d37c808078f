// The npm package ws, as a client or as a server: node ws.mjs client|server

import { WebSocket, WebSocketServer } from 'ws'
import { decode, encode, obey, say } from './control.mjs'

/** @type {import('ws').WebSocket} */
let socket
let connections = 0

/** @param {import('ws').WebSocket} s */
function hold(s) {
  socket = s
  const connection = ++connections
  /** @param {Record<string, unknown>} event */
  const tell = (event) => say({ ...event, connection })
  s.on('message', (data, binary) => tell({ event: 'message', binary, data: encode(/** @type {Buffer} */ (data)) }))
  s.on('pong', (data) => tell({ event: 'pong', data: encode(data) }))
  s.on('close', (code, reason) => tell({ event: 'close', code, reason: reason.toString() }))
  s.on('error', (error) => tell({ event: 'error', message: String(error) }))
  const open = () => tell({ event: 'open', subprotocol: s.protocol })
  if (s.readyState === WebSocket.OPEN) open()
  else s.on('open', open)
}

if (process.argv[2] === 'server') {
  const server = new WebSocketServer({
    host: '127.0.0.1',
    port: 0,
    perMessageDeflate: { threshold: 0 },
    handleProtocols: (offered) => (offered.has('second') ? 'second' : false),
  })
  server.on('listening', () => say({ event: 'listening', port: /** @type {import('node:net').AddressInfo} */ (server.address()).port }))
  server.on('connection', hold)
}

await obey({
  dial: ({ url, subprotocols }) => hold(new WebSocket(url, subprotocols, { perMessageDeflate: { threshold: 0 } })),
  send({ binary, fragments }) {
    for (const [i, data] of fragments.entries()) {
      socket.send(decode(data), { binary, fin: i === fragments.length - 1 })
    }
  },
  ping: ({ data }) => socket.ping(decode(data)),
  close: ({ code, reason }) => socket.close(code, reason),
  drop({ connection }) {
    if (connection === connections) socket.terminate()
  },
})

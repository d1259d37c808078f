// The WebSocket of browsers, as Node has it: the npm package undici. It is a client only.

import { WebSocket } from 'undici'
import { decode, encode, obey, say } from './control.mjs'

/** @type {WebSocket} */
let socket
let connections = 0

await obey({
  dial({ url, subprotocols }) {
    const s = new WebSocket(url, subprotocols)
    const connection = ++connections
    /** @param {Record<string, unknown>} event */
    const tell = (event) => say({ ...event, connection })
    s.binaryType = 'arraybuffer'
    s.addEventListener('open', () => tell({ event: 'open', subprotocol: s.protocol }))
    s.addEventListener('message', ({ data }) => {
      const binary = typeof data !== 'string'
      tell({ event: 'message', binary, data: encode(binary ? new Uint8Array(data) : Buffer.from(data)) })
    })
    s.addEventListener('close', ({ code, reason }) => tell({ event: 'close', code, reason }))
    s.addEventListener('error', (event) => tell({ event: 'error', message: String(event.error ?? event.type) }))
    socket = s
  },
  send: ({ binary, fragments }) => socket.send(binary ? decode(fragments[0]) : decode(fragments[0]).toString()),
  close: ({ code, reason }) => socket.close(code, reason),
  drop({ connection }) {
    if (connection === connections) socket.close()
  },
})

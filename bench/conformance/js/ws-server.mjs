// An echo made of the npm package ws, in the way of its README: servers that share an HTTP server, one for each set of
// settings. Compression is on; the package checks UTF-8 unless told not to.

import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'
import { FRAGMENTS, knobs } from './end.mjs'

/** @type {Map<string, WebSocketServer>} */
const servers = new Map()

/** @param {string} url */
function serverFor(url) {
  const { limit, deflate } = knobs(url)
  const key = `${limit} ${deflate}`
  let server = servers.get(key)
  if (!server) {
    /** @type {import('ws').ServerOptions} */
    const options = {
      noServer: true,
      maxPayload: limit,
      perMessageDeflate: deflate !== 'off',
      handleProtocols: (offered) => [...offered].find((p) => p === 'v1.chat' || p === 'v2.chat') ?? false,
    }
    server = new WebSocketServer(Object.assign(options, { maxFragments: FRAGMENTS }))
    server.on('connection', (socket) => {
      socket.on('error', () => {}) // a close follows
      socket.on('message', (data, binary) => socket.send(data, { binary }))
    })
    servers.set(key, server)
  }
  return server
}

const http = createServer((_request, response) => response.writeHead(404).end())
http.on('upgrade', (request, socket, head) => {
  const url = request.url ?? ''
  if (!URL.canParse(url, 'ws://base') || new URL(url, 'ws://base').pathname !== '/echo') {
    socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    return
  }
  const server = serverFor(url)
  server.handleUpgrade(request, socket, head, (connection) => server.emit('connection', connection, request))
})

const [host, port] = process.argv[process.argv.indexOf('--listen') + 1].split(':')
http.listen(Number(port), host, () => {
  const { address, port } = /** @type {import('node:net').AddressInfo} */ (http.address())
  console.log(`${address}:${port}`)
})

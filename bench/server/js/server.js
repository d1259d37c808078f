// A Socket.IO server for the benchmark: a session joins the room that it names, and a small HTTP endpoint publishes to a room.
'use strict'
const http = require('node:http')
const { Server } = require('socket.io')

const server = http.createServer((request, response) => {
  const url = request.url ?? ''
  if (request.method !== 'POST' || !url.startsWith('/publish/')) {
    response.writeHead(404).end()
    return
  }
  /** @type {Buffer[]} */
  const parts = []
  request.on('data', part => parts.push(part))
  request.on('end', () => {
    io.to(url.slice('/publish/'.length)).emit('message', JSON.parse(Buffer.concat(parts).toString()))
    response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': 2 }).end('ok')
  })
})

const io = new Server(server, { transports: ['websocket'], serveClient: false })
io.on('connection', socket => { void socket.join(String(socket.handshake.query.room)) })

server.listen(Number(process.argv[2]), '127.0.0.1', 4096)

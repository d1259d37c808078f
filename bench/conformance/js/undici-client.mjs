// An echo made of the WebSocket of the npm package undici, which is also Node's own. It always offers compression and
// checks UTF-8, as browsers do.

import { Agent, WebSocket } from 'undici'
import { FRAGMENTS, knobs, run } from './end.mjs'

await run(process.argv[2], async (url) => {
  const { limit, subprotocols, headers } = knobs(url)
  const dispatcher = new Agent({ webSocket: { maxPayloadSize: limit, maxFragments: FRAGMENTS } })
  await new Promise((ended) => {
    try {
      const socket = new WebSocket(url, { protocols: subprotocols, headers, dispatcher })
      socket.binaryType = 'arraybuffer'
      socket.onmessage = ({ data }) => socket.send(data)
      socket.onclose = ended
    } catch (error) {
      ended(error) // the URL, or a subprotocol
    }
  })
  await dispatcher.destroy()
})

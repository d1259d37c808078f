// An echo made of the npm package ws as a client. Compression is on; the package checks UTF-8 unless told not to.

import { WebSocket } from 'ws'
import { FRAGMENTS, knobs, run } from './end.mjs'

/**
 * The options that make ws offer the extension like this.
 * @param {string} offer
 */
function perMessageDeflate(offer) {
  if (offer === 'off') return false
  if (offer === '') return true
  const [, ...parameters] = offer.split(';').map((p) => p.trim())
  const value = new Map(parameters.map((p) => /** @type {[string, string]} */ ([...p.split('=').map((s) => s.trim()), ''])))
  /** @param {string} name */
  const bits = (name) => Number(value.get(name)) || value.has(name)
  return {
    serverNoContextTakeover: value.has('server_no_context_takeover') || undefined,
    clientNoContextTakeover: value.has('client_no_context_takeover') || undefined, // false: to be refused
    serverMaxWindowBits: Number(value.get('server_max_window_bits')) || undefined,
    clientMaxWindowBits: /** @type {number} */ (bits('client_max_window_bits')), // true: without a value
  }
}

await run(process.argv[2], async (url) => {
  const { limit, deflate, subprotocols, headers } = knobs(url)
  await new Promise((ended) => {
    try {
      /** @type {import('ws').ClientOptions} */
      const options = { maxPayload: limit, headers, perMessageDeflate: perMessageDeflate(deflate) }
      const socket = new WebSocket(url, subprotocols, Object.assign(options, { maxFragments: FRAGMENTS }))
      socket.on('error', () => {}) // a close follows
      socket.on('message', (data, binary) => socket.send(data, { binary }))
      socket.on('close', ended)
    } catch (error) {
      ended(error) // the URL, or a subprotocol
    }
  })
})

/** What it costs to tell which protocol a client speaks: `node bench/micro/sniff.ts`. */
import { inboundOf, wantsTunnel } from '../../src/protocol/sniff.ts';
import { line, nanoseconds } from './timing.ts';

const FIRST_BYTES = Buffer.from('\u0005\u0004CGPx', 'latin1');
const connect = Buffer.from('CONNECT example.com:443 HTTP/1.1\r\n', 'latin1');
const get = Buffer.from('GET http://example.com/ HTTP/1.1\r\n', 'latin1');

line(
  'protocol by the first byte',
  nanoseconds((i) => inboundOf(FIRST_BYTES[i % FIRST_BYTES.length]!)),
);
line(
  'CONNECT or not',
  nanoseconds((i) => wantsTunnel(i % 2 === 0 ? connect : get)),
);

/** What a line of the access log costs, before it is written: `node bench/micro/access-line.ts`. */
import { Connection } from '../../src/connection.ts';
import { ProxyError } from '../../src/errors.ts';
import { accessLine } from '../../src/ops/access.ts';
import { line, nanoseconds } from './timing.ts';

const opened = new Date(2026, 10, 22, 12, 3, 4, 123).getTime();

function connection(changes: Partial<Connection>): Connection {
  const record = new Connection('2-81', { address: '198.51.100.7', port: 53_412 }, opened);
  return Object.assign(record, {
    inbound: 'socks5',
    identity: { user: 'alice' },
    target: { host: 'example.com', port: 443, family: 0 },
    handshakeMs: 0.84,
    totalMs: 1234.56,
    ...changes,
  } satisfies Partial<Connection>);
}

const RECORDS: Readonly<Record<string, Connection>> = {
  tunnel: connection({
    phase: 'relay',
    resolved: '93.184.216.34',
    egress: { address: '192.0.2.10', family: 4, slot: 0 },
    attempts: 1,
    resolveMs: 3,
    dialMs: 12.34,
    sent: 1234,
    received: 34_321,
    closedBy: 'target',
  }),
  refusal: connection({ phase: 'authorize', failure: new ProxyError('TARGET_DENIED') }),
};

for (const [name, record] of Object.entries(RECORDS)) {
  for (const format of ['json', 'human'] as const)
    line(
      `${name}, ${format}`,
      nanoseconds(() => accessLine(record, format)),
    );
}

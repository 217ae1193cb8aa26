/** docs/operations.md shows log lines as they are written, and explains every key in them. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Connection } from '../../../src/connection.ts';
import { FAILURES, ProxyError } from '../../../src/errors.ts';
import { accessLine } from '../../../src/ops/access.ts';
import { humanEvent, jsonEvent, type LogEvent } from '../../../src/ops/event.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const page = readFileSync(`${ROOT}docs/operations.md`, 'utf8');

/** The block behind a mark. */
function block(mark: string): string {
  const [, text] = new RegExp(`<!-- ${mark} -->\n\`\`\`\\w*\n([^]*?)\`\`\``).exec(page) ?? [];
  assert.ok(text !== undefined, mark);
  return text;
}

/** First cells of the table under a heading, and its last ones, of each row. */
function rows(heading: string): { readonly names: readonly string[]; readonly last: string }[] {
  const [, section = ''] = page.split(`\n### ${heading}\n`);
  const [own = ''] = section.split(/\n##+ /);
  const lines = own.split('\n').filter((line) => line.startsWith('| `'));
  return lines.map((line) => {
    const cells = line.split('|').map((cell) => cell.trim());
    return { names: quoted(cells[1]!), last: cells.at(-2)! };
  });
}

const quoted = (text: string): string[] => Array.from(text.matchAll(/`([^`]+)`/g), ([, inside]) => inside!);

/** The moment of a sample, which people see in the time of their host and programs in UTC. */
const at = (human: boolean, time: string): number => Date.parse(`2026-11-23T${time}${human ? '' : 'Z'}`);

function connection(id: string, port: number, openedAt: number, changes: Partial<Connection>): Connection {
  const client = { address: '198.51.100.23', port };
  return Object.assign(new Connection(id, client, openedAt), { identity: { user: 'alice' }, ...changes });
}

const tunnel = (human: boolean): Connection =>
  connection('2-81', 53_412, at(human, '09:03:04.123'), {
    phase: 'relay',
    inbound: 'socks5',
    session: '42',
    target: { host: 'example.com', port: 443, family: 0 },
    resolved: '203.0.113.80',
    egress: { address: '192.0.2.10', family: 4, slot: 0 },
    attempts: 2,
    handshakeMs: 0.84,
    resolveMs: 3,
    dialMs: 12.34,
    totalMs: 1234.56,
    sent: 1234,
    received: 34_321,
    closedBy: 'target',
  });

const request = (): Connection =>
  connection('1-7', 53_420, at(true, '09:03:09.250'), {
    phase: 'relay',
    inbound: 'http-forward',
    target: { host: 'example.com', port: 80, family: 0 },
    method: 'GET',
    status: 200,
    resolved: '203.0.113.80',
    egress: { address: '192.0.2.11', family: 4, slot: 1 },
    attempts: 1,
    dialMs: 3.1,
    totalMs: 41,
    received: 1256,
  });

const refusal = (): Connection =>
  connection('2-82', 53_434, at(true, '09:03:11.080'), {
    inbound: 'http-connect',
    target: { host: '10.0.0.1', port: 22, family: 4 },
    failure: new ProxyError('TARGET_DENIED', 'the target is a private address'),
  });

describe('the access log in docs/operations.md', () => {
  const table = rows('Access log');

  it('has every key, in the order of the line, and no other', () => {
    const keys = Object.keys(JSON.parse(accessLine(tunnel(false), 'json')) as object);
    assert.deepEqual(
      table.flatMap(({ names }) => names),
      keys,
    );
  });

  it('shows the lines that are written', () => {
    assert.equal(block('access json'), accessLine(tunnel(false), 'json'));
    const lines = [tunnel(true), request(), refusal()].map((one) => accessLine(one, 'human'));
    assert.equal(block('access human'), lines.join(''));
  });

  it('says where people find each key', () => {
    const lines = block('access human');
    for (const { names, last } of table) {
      for (const piece of quoted(last)) assert.ok(lines.includes(piece), `${names.join()}: ${piece}`);
    }
    assert.deepEqual(
      table.filter(({ last }) => last === '').flatMap(({ names }) => names),
      ['id', 'session', 'moved', 'handshake_ms', 'resolve_ms'],
    );
  });
});

describe('the application log in docs/operations.md', () => {
  it('shows an event as it is written', () => {
    const event = (human: boolean): LogEvent => ({
      at: at(human, '09:04:00.005'),
      level: 'warn',
      message: 'egress is down',
      fields: {
        egress: '192.0.2.13',
        code: 'EGRESS_NOT_ON_HOST',
        reason: FAILURES.EGRESS_NOT_ON_HOST.reason,
        retry_ms: 2031,
      },
    });
    const style = { stacks: false, colour: false };
    assert.equal(block('log'), `${jsonEvent(event(false), style)}\n${humanEvent(event(true), style)}\n`);
  });

  it('explains every field that any event has, and no other', () => {
    const explained = rows('Application log').flatMap(({ names }) => names);
    assert.equal(new Set(explained).size, explained.length, 'each once');
    assert.deepEqual(explained.toSorted(), [...fieldsOfEvents()].toSorted());
  });
});

/** What stands in the braces behind a message, wherever something is logged. */
const LOGGED =
  /(?:(?:log|output|outputs)(?:\.\w+)*(?:\.(?:error|warn|info|debug)|\[level\])|\.say|#report|fields:)\(?\s*(?:(?:'[^'\n]*'|"[^"\n]*"|`[^`\n]*`|\w+),\s*)?\{([^{}]*)\}/g;

function fieldsOfEvents(): Set<string> {
  // Of lines that the sink writes itself, and of the users file, whose fields are put together elsewhere.
  const found = new Set(['dropped', 'file', 'users', 'added', 'removed']);
  for (const file of globSync('src/{runtime,egress,policy,cli}/**/*.ts', { cwd: ROOT })) {
    for (const [, inside = ''] of readFileSync(`${ROOT}${file}`, 'utf8').matchAll(LOGGED)) {
      for (const part of inside.split(/,\s*(?=\w+(?:\s*[:,]|\s*$))/)) {
        const [, name] = /^\s*(\w+)/.exec(part) ?? [];
        if (name !== undefined) found.add(name);
      }
    }
  }
  return found;
}

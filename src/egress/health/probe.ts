/**
 * One look at one egress: can its address be bound, and does a target answer it?
 *
 * Every probe has a deadline, can be aborted, never throws, and leaves no socket behind.
 */
import { createSocket } from 'node:dgram';
import { get, type IncomingMessage } from 'node:http';
import { connect, isIP, type Socket } from 'node:net';
import type { Family } from '../../connection.ts';
import { fromDialError } from '../../errors.ts';
import type { ProbeTarget } from './probe-target.ts';

/** Where a probe leaves from. */
export interface ProbeOrigin {
  readonly address: string;
  readonly family: Family;
}

/**
 * `good`; `bad`: no, or no proper, answer; `absent`: the address is not on this host; `unknown`: it says nothing about the
 * egress, since we lacked ports or descriptors, or the target's name did not resolve.
 */
export type Finding =
  | { readonly verdict: 'good'; readonly publicAddress?: string | undefined }
  | { readonly verdict: 'bad' | 'absent' | 'unknown'; readonly error: string };

/** Begins something that ends with one call of `tell`. @returns how to end it early; called exactly once. */
type Begin = (tell: (finding: Finding) => void) => () => void;

/** An answer with an address in it is short; of what is longer, nothing is remembered. */
const LARGEST_BODY = 16_384;
const LARGEST_HEAD = 8192;
/** Our own limits, not the address's. */
const LIMITS: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM']);

/**
 * Binds the address for a moment. By UDP, since that takes no TCP port, and nobody can connect to it meanwhile.
 * @param ms Deadline in milliseconds.
 */
export function probeBind(
  { address, family }: ProbeOrigin,
  ms: number,
  signal: AbortSignal,
): Promise<Finding> {
  return examine(ms, signal, (tell) => {
    const socket = createSocket({ type: family === 4 ? 'udp4' : 'udp6', ipv6Only: family === 6 });
    socket.on('error', (error: NodeJS.ErrnoException) => tell(bindFinding(error)));
    socket.bind({ address, port: 0, exclusive: true }, () => tell({ verdict: 'good' }));
    return () => socket.close();
  });
}

/**
 * Asks the target from the egress: a TCP connection must stand, or HTTP be answered with 2xx or 3xx.
 * @param ms Deadline in milliseconds, from the name look-up to the last byte of the answer.
 */
export function probeTarget(
  origin: ProbeOrigin,
  target: ProbeTarget,
  ms: number,
  signal: AbortSignal,
): Promise<Finding> {
  return examine(ms, signal, target.protocol === 'tcp' ? askTcp(origin, target) : askHttp(origin, target));
}

function askTcp({ address, family }: ProbeOrigin, { host, port }: ProbeTarget): Begin {
  return (tell) => {
    const socket = connect({ host, port, family, localAddress: address });
    socket.on('error', (error) => tell(dialFinding(error)));
    socket.on('connect', () => tell({ verdict: 'good' }));
    // Reset, not closed: hundreds of probes a minute leave no TIME_WAIT on the ports that tunnels need.
    return () => end(socket);
  };
}

function end(socket: Socket): void {
  if (socket.connecting) socket.destroy();
  else socket.resetAndDestroy();
}

function askHttp({ address, family }: ProbeOrigin, { host, port, path }: ProbeTarget): Begin {
  return (tell) => {
    const request = get(
      {
        host,
        port,
        path,
        family,
        localAddress: address,
        // A connection of its own, and `Connection: close` with it.
        agent: false,
        maxHeaderSize: LARGEST_HEAD,
        headers: { Accept: '*/*', 'User-Agent': 'gyre' },
      },
      (response) => judge(response, tell),
    );
    request.on('error', (error) => tell(dialFinding(error)));
    request.on('close', () => tell({ verdict: 'bad', error: 'the connection ended without an answer' }));
    return () => request.destroy();
  };
}

function judge(response: IncomingMessage, tell: (finding: Finding) => void): void {
  const { statusCode = 0 } = response;
  if (statusCode < 200 || statusCode > 399) {
    tell({ verdict: 'bad', error: `HTTP status ${statusCode}` });
    return;
  }
  let body = '';
  response
    .setEncoding('latin1')
    .on('error', (error) => tell(dialFinding(error)))
    .on('data', (chunk: string) => {
      body += chunk;
      if (body.length > LARGEST_BODY) tell({ verdict: 'good' });
    })
    .on('end', () => tell({ verdict: 'good', publicAddress: onlyAddress(body) }));
}

/** The IP address in a text, whatever surrounds it; undefined when there is none, or more than one. */
export function onlyAddress(text: string): string | undefined {
  const found = new Set<string>();
  for (const [word] of text.matchAll(/[\da-f:.]{2,}/gi)) {
    const bare = word.replace(/\.+$/, '').toLowerCase();
    if (isIP(bare) !== 0) found.add(bare);
  }
  return found.size === 1 ? [...found][0] : undefined;
}

function examine(ms: number, signal: AbortSignal, begin: Begin): Promise<Finding> {
  if (signal.aborted) return Promise.resolve({ verdict: 'unknown', error: 'aborted' });
  return new Promise((resolve) => {
    let over = false;
    const tell = (finding: Finding): void => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      stop();
      resolve(finding);
    };
    const abort = (): void => tell({ verdict: 'unknown', error: 'aborted' });
    const timer = setTimeout(() => tell({ verdict: 'bad', error: 'no answer in time' }), ms).unref();
    signal.addEventListener('abort', abort);
    const stop = begin(tell);
  });
}

function bindFinding(error: NodeJS.ErrnoException): Finding {
  const code = error.code ?? error.message;
  // All ports taken: the address itself is there.
  if (code === 'EADDRINUSE') return { verdict: 'good' };
  return { verdict: LIMITS.has(code) ? 'unknown' : 'absent', error: code };
}

function dialFinding(error: NodeJS.ErrnoException): Finding {
  const text = error.code ?? error.message;
  // Names are not resolved from the egress: what goes wrong there is not its fault.
  if (error.syscall === 'getaddrinfo') return { verdict: 'unknown', error: text };
  switch (fromDialError(error).code) {
    case 'EGRESS_NOT_ON_HOST':
      return { verdict: 'absent', error: text };
    case 'PORTS_EXHAUSTED':
    case 'DESCRIPTORS_EXHAUSTED':
      return { verdict: 'unknown', error: text };
    default:
      return { verdict: 'bad', error: text };
  }
}

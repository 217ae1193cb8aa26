/**
 * From the first byte to a complete request: the conversations of all inbound protocols.
 *
 * The parsers in `protocol/` are pure and know no order; here they are asked in turn, and here is answered.
 */
import type { Credentials, Endpoint, Identity, Target } from './connection.ts';
import { ProxyError } from './errors.ts';
import type { Parser } from './protocol/parsed.ts';
import { inboundOf, wantsTunnel, type FirstByte } from './protocol/sniff.ts';
import * as http from './protocol/http.ts';
import * as socks4 from './protocol/socks4.ts';
import * as socks5 from './protocol/socks5.ts';
import type { Wire } from './wire.ts';

/** Wrong credentials answered on one connection before it is closed. */
const MAX_LOGINS = 3;

/** The bytes are not consumed: the conversation reads them again. */
const FIRST_BYTE: Parser<number> = (bytes) =>
  bytes.length === 0 ? undefined : { value: bytes[0]!, length: 0 };

/** What a client asks for, once it is known. */
export interface Request {
  readonly identity: Identity | undefined;
  readonly target: Target;
}

/** Who may log in. */
export interface LogIn {
  /** Whether credentials have to be shown at all. */
  readonly required: boolean;
  /** Undefined: refused. @throws ProxyError when it cannot be said, or not now. */
  verify(credentials: Credentials, client: string): Identity | undefined | Promise<Identity | undefined>;
}

/** How to answer in the client's protocol. */
export interface Inbound {
  readonly name: FirstByte;
  /** Speaks the protocol until the request is complete. Undefined: HTTP, but not for a tunnel; nothing was consumed. */
  converse(wire: Wire, auth: LogIn, client: string): Promise<Request | undefined>;
  /** The answer when the tunnel stands. @param moved Its session has another egress than before. */
  granted(bound: Endpoint, moved: boolean): Buffer;
  /** The answer when it does not; undefined where the protocol has no word for it. */
  refused(error: ProxyError): Buffer | undefined;
}

/** Tells the protocol by the first byte. */
export async function sniff(wire: Wire): Promise<Inbound> {
  const name = inboundOf(await wire.read(FIRST_BYTE));
  if (name === undefined) throw new ProxyError('UNKNOWN_PROTOCOL');
  return INBOUND[name];
}

async function converseSocks5(wire: Wire, auth: LogIn, client: string): Promise<Request> {
  const method = socks5.chooseMethod(await wire.read(socks5.parseGreeting), auth.required);
  wire.send(socks5.methodReply(method));
  if (method === socks5.METHOD.none) {
    wire.answered = true;
    throw new ProxyError(
      'AUTH_REQUIRED',
      'the client offered no authentication method that is accepted here',
    );
  }
  const identity = method === socks5.METHOD.password ? await logIn(wire, auth, client) : undefined;
  return { identity, target: await wire.read(socks5.parseRequest) };
}

async function logIn(wire: Wire, auth: LogIn, client: string): Promise<Identity> {
  try {
    const identity = await readLogin(wire, auth, client);
    if (identity === undefined) throw new ProxyError('BAD_CREDENTIALS');
    wire.send(socks5.authReply(true));
    return identity;
  } catch (error) {
    // RFC 1929 has one word for every kind of no.
    if (!wire.answered && wire.broken === undefined) wire.send(socks5.authReply(false));
    wire.answered = true;
    throw error;
  }
}

/** A login that is not even one is a wrong login: RFC 1929 has no other word for it. */
async function readLogin(wire: Wire, auth: LogIn, client: string): Promise<Identity | undefined> {
  let credentials: Credentials;
  try {
    credentials = await wire.read(socks5.parseCredentials);
  } catch (error) {
    if (error instanceof ProxyError && error.code === 'BAD_REQUEST') return undefined;
    throw error;
  }
  return auth.verify(credentials, client);
}

/** SOCKS4 has a user id and no password: enough for a label and a session, not for somebody who must log in. */
async function converseSocks4(wire: Wire, auth: LogIn, client: string): Promise<Request> {
  const { target, userId } = await wire.read(socks4.parseRequest);
  if (auth.required) throw new ProxyError('AUTH_REQUIRED', 'users must log in, and SOCKS4 has no passwords');
  if (userId === '') return { identity: undefined, target };
  const identity = await auth.verify({ name: userId, password: '' }, client);
  if (identity === undefined) throw new ProxyError('BAD_CREDENTIALS', 'the user id is malformed');
  return { identity, target };
}

async function converseConnect(wire: Wire, auth: LogIn, client: string): Promise<Request | undefined> {
  for (let login = 1; ; login++) {
    if (!(await wire.read(wantsTunnel))) return undefined;
    wire.answered = false;
    const head = await wire.read(http.parseHead);
    const target = http.connectTarget(head);
    const credentials = http.basicCredentials(head);
    if (credentials === undefined && !auth.required) return { identity: undefined, target };
    const identity = credentials === undefined ? undefined : await auth.verify(credentials, client);
    if (identity !== undefined) return { identity, target };
    const error = new ProxyError(credentials === undefined ? 'AUTH_REQUIRED' : 'BAD_CREDENTIALS');
    // Bytes right behind the head belong to the tunnel that did not come about; they must not be read as a request.
    const retry = login < MAX_LOGINS && head.version === '1.1' && !wire.hasEarly && !wire.leg.ended;
    wire.send(http.refused(error, retry));
    // Who does not try again has been told all there is to say.
    wire.answered = true;
    if (retry) continue;
    throw error;
  }
}

/** A client that was too slow, or ended, may stand anywhere in the negotiation: a reply could be taken for something else. */
const isUnanswerable = ({ code }: ProxyError): boolean =>
  code === 'HANDSHAKE_TIMEOUT' || code === 'CLIENT_GONE';

const INBOUND: Readonly<Record<FirstByte, Inbound>> = {
  socks5: {
    name: 'socks5',
    converse: converseSocks5,
    granted: (bound) => socks5.reply(0x00, bound),
    refused: (error) => (isUnanswerable(error) ? undefined : socks5.reply(error.failure.socks5)),
  },
  socks4: {
    name: 'socks4',
    converse: converseSocks4,
    granted: (bound) => socks4.reply(true, bound),
    refused: (error) => (isUnanswerable(error) ? undefined : socks4.reply(false)),
  },
  'http-connect': {
    name: 'http-connect',
    converse: converseConnect,
    granted: http.granted,
    refused: (error) => (error.code === 'CLIENT_GONE' ? undefined : http.refused(error)),
  },
};

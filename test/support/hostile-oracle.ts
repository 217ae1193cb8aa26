/**
 * May these bytes be dialled for? A second reading of every inbound protocol, written without a look at the first.
 *
 * It errs to one side only: where it says no, no connection may leave the gateway. Where it says yes there may still be a
 * reason to refuse (DNS, the guard, a closed port).
 */

/** What the oracle has to know of the gateway the bytes go to. */
export interface Gate {
  /** `name:password` of everybody who may come in; undefined where nobody has to log in. */
  readonly users: readonly string[] | undefined;
  /** Each connection begins with a PROXY header. */
  readonly proxied: boolean;
}

const PROXY_V2 = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');

export function mayDial(sent: Buffer, gate: Gate): boolean {
  const asked = gate.proxied ? behindHeader(sent) : sent;
  if (asked === undefined || asked.length === 0) return false;
  if (asked[0] === 0x05) return socks5(asked, gate);
  if (asked[0] === 0x04) return socks4(asked, gate);
  return http(asked.toString('latin1'), gate);
}

/** What follows a PROXY header; undefined when there is none. A header that is wrong in some other way counts as one. */
export function behindHeader(sent: Buffer): Buffer | undefined {
  if (sent.subarray(0, 6).toString('latin1') === 'PROXY ') {
    const end = sent.indexOf('\r\n');
    return end === -1 || end > 105 ? undefined : sent.subarray(end + 2);
  }
  if (!sent.subarray(0, 12).equals(PROXY_V2) || sent.length < 16) return undefined;
  const end = 16 + sent.readUInt16BE(14);
  return sent.length < end ? undefined : sent.subarray(end);
}

function socks5(sent: Buffer, { users }: Gate): boolean {
  const methodsEnd = 2 + (sent[1] ?? 0);
  const methods = sent.subarray(2, methodsEnd);
  if (sent.length < methodsEnd) return false;
  if (!methods.includes(2)) return users === undefined && methods.includes(0) && request(sent, methodsEnd);
  const login = sent.subarray(methodsEnd);
  if (login[0] !== 1 || login.length < 3) return false;
  const nameEnd = 2 + login[1]!;
  const end = nameEnd + 1 + (login[nameEnd] ?? 0);
  if (login.length < end) return false;
  const [name, password] = [login.subarray(2, nameEnd), login.subarray(nameEnd + 1, end)];
  return welcome(name, password, users) && request(sent, methodsEnd + end);
}

/** A name may carry session parameters behind the user's own, and a vendor's word before it. */
function welcome(name: Buffer, password: Buffer, users: readonly string[] | undefined): boolean {
  if (users === undefined) return name.length > 0;
  const said = name.toString('utf8').replace(/^(user|customer|brd-customer)-/, '');
  return users.some((user) => {
    const colon = user.indexOf(':');
    const known = user.slice(0, colon);
    return (
      password.toString('utf8') === user.slice(colon + 1) && (said === known || said.startsWith(`${known}-`))
    );
  });
}

/** The SOCKS5 request at an offset. */
function request(sent: Buffer, at: number): boolean {
  const [version, command, reserved, type, length = 0] = sent.subarray(at);
  if (version !== 5 || command !== 1 || reserved !== 0) return false;
  const bytes = type === 1 ? 4 : type === 4 ? 16 : type === 3 ? 1 + length : -1;
  const portAt = at + 4 + bytes;
  if (bytes === -1 || sent.length < portAt + 2 || sent.readUInt16BE(portAt) === 0) return false;
  return type !== 3 || hostLike(sent.toString('latin1', at + 5, portAt));
}

const hostLike = (text: string): boolean => /^[A-Za-z0-9._-]{1,254}$|^\[?[0-9A-Fa-f:.]{2,45}\]?$/.test(text);

function socks4(sent: Buffer, { users }: Gate): boolean {
  const userEnd = sent.indexOf(0, 8);
  if (users !== undefined || sent[1] !== 1 || userEnd === -1 || userEnd > 8 + 255) return false;
  if (sent.readUInt16BE(2) === 0) return false;
  const byName = sent.readUInt32BE(4) < 256;
  if (!byName) return true;
  const hostEnd = sent.indexOf(0, userEnd + 1);
  return hostEnd !== -1 && hostLike(sent.toString('latin1', userEnd + 1, hostEnd));
}

const HEADER = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\0-\x08\n-\x1f\x7f]*$/;

/** A head that fails with 407 may be followed by a better one: any head will do, wherever one can begin. */
function http(sent: string, gate: Gate): boolean {
  if (!sent.startsWith('CONNECT ')) return forwardMayDial(sent, gate);
  for (let at = 0; ;) {
    const end = sent.indexOf('\r\n\r\n', at);
    if (end === -1) return false;
    if (headMayDial(sent.slice(at, end).split('\r\n'), gate)) return true;
    // After CONNECT only a login may be tried again, by HTTP/1.1.
    if (at === 0 && (gate.users === undefined || !/ HTTP\/1\.1\r\n/.test(sent))) return false;
    at = end + 4;
  }
}

/** Where one message ends and the next begins is not looked at: a request of any kind will do, and a login of any line. */
function forwardMayDial(sent: string, { users }: Gate): boolean {
  const asks = /[a-z] http:\/\/|CONNECT /i.test(sent) && sent.includes('\r\n\r\n');
  return asks && (users === undefined || sent.split('\r\n').some((line) => loggedIn(line, users)));
}

function headMayDial([requestLine = '', ...lines]: readonly string[], { users }: Gate): boolean {
  const connect = /^CONNECT (\S+):(\d{1,5}) HTTP\/1\.([01])$/.exec(requestLine);
  if (!lines.every((line) => HEADER.test(line))) return false;
  const valuesOf = (name: string): string[] =>
    lines.filter((line) => line.slice(0, name.length + 1).toLowerCase() === `${name}:`);
  if (users !== undefined && !lines.some((line) => loggedIn(line, users))) return false;
  if (connect === null) return false;
  const [, host = '', port = '', minor] = connect;
  const hosts = valuesOf('host').length;
  if (hosts > 1 || (hosts === 0 && minor === '1') || valuesOf('transfer-encoding').length > 0) return false;
  return hostLike(host) && Number(port) > 0 && Number(port) < 65_536;
}

function loggedIn(line: string, users: readonly string[]): boolean {
  const encoded = /^proxy-authorization:[ \t]*basic +([A-Za-z0-9+/]+={0,2})[ \t]*$/i.exec(line)?.[1];
  if (encoded === undefined) return false;
  const said = Buffer.from(encoded, 'base64');
  const colon = said.indexOf(':');
  return colon !== -1 && welcome(said.subarray(0, colon), said.subarray(colon + 1), users);
}

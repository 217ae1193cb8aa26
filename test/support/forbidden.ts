/** Targets nobody may reach by default, in all the ways people have found to write them. */

/** One way to write a forbidden target. */
export interface Spelling {
  readonly text: string;
  /** What kind of text it is: `address` is one, `odd` is what some programs read as one, `malformed` is nothing at all. */
  readonly kind: 'address' | 'odd' | 'malformed' | 'name';
  /** An address as bytes, for protocols that have it as such. */
  readonly bytes?: Buffer;
}

/** One address of each kind, in every form: the same for all blocks would only take longer. */
const IN_EVERY_FORM: readonly string[] = [
  '0.0.0.0', '0.1.2.3', '10.0.0.1', '100.64.0.1', '127.0.0.1', '127.1.2.3', '169.254.1.1', '169.254.169.254', '172.16.0.1', '192.0.2.1',
  '192.168.0.1', '198.18.0.1', '224.0.0.1', '240.0.0.1', '255.255.255.255',
]; // prettier-ignore

/** One address or more of each special block of IPv4. */
export const FORBIDDEN_IPV4: readonly string[] = [
  '0.0.0.0', '0.1.2.3', '0.255.255.255', '10.0.0.1', '10.255.255.255', '100.64.0.1', '100.100.100.200', '100.127.255.255',
  '127.0.0.1', '127.1.2.3', '127.255.255.254', '168.63.129.16', '169.254.0.23', '169.254.42.42', '169.254.169.254',
  '169.254.170.2', '169.254.170.23', '172.16.0.1', '172.31.255.255', '192.0.0.1', '192.0.0.192', '192.0.2.1',
  '192.88.99.1', '192.168.0.1', '192.168.255.255', '198.18.0.1', '198.51.100.1', '203.0.113.1', '224.0.0.1',
  '239.255.255.250', '240.0.0.1', '255.255.255.255',
]; // prettier-ignore

/** One address or more of each special block of IPv6. */
export const FORBIDDEN_IPV6: readonly string[] = [
  '::', '::1', '0:0:0:0:0:0:0:1', '0000:0000:0000:0000:0000:0000:0000:0001', '::0:1', '::127.0.0.1', '::7f00:1', '::8.8.8.8', '64:ff9b:1::1',
  '64:ff9b:1:ffff::7f00:1', '100::', '100::1', '100:0:0:1::1', '2001::1', '2001:0:4136:e378:8000:63bf:80ff:fffe', '2001:2::1', '2001:10::1',
  '2001:20::1', '2001:db8::1', '2001:DB8::1', '2002::1', '2002:808:808::1', '3fff::1', '5f00::1', 'fc00::1', 'fd00::1',
  'fd12:3456:789a::1', 'fd00:ec2::254', 'fd00:ec2::23', 'fd20:ce::254', 'fd00:c1::a9fe:a9fe', 'fd00:42::42', 'fd00:a9fe:a9fe::1',
  'fe80::1', 'fe80::a9fe:a9fe', 'FE80::1', 'febf::1', 'fec0::1', 'feff::1', 'ff02::1', 'ff05::2', 'ff0e::1', '4000::1', '8000::1', 'e000::1',
  '::ffff:0:127.0.0.1', '::fffe:127.0.0.1', '2606:4700::5efe:8.8.8.8',
]; // prettier-ignore

/** Neither one nor the other, whoever reads them. `127.0.0.1` stands for any. */
const MALFORMED: readonly string[] = [
  '[127.0.0.1]', '127.0.0.1%', '127.0.0.1%00', '127.0.0.1%2f', '%31%32%37.0.0.1', '127%2e0%2e0%2e1', '+127.0.0.1', '127..0.0.1', '.127.0.0.1',
  '127.0.0.1..', '127.0.0.-1', '127,0,0,1', '127.0.0.1/8', '127.0.0.1\\', '１２７.0.0.1', '127。0。0。1', '127．0．0．1', '①②⑦.⓪.⓪.①',
  'ⓛⓞⓒⓐⓛⓗⓞⓢⓣ', 'loca\u017fhost', 'localhost\u200b', 'loc\u00adalhost', 'localho\u212atest', 'localhost%00', 'localhost..', '.localhost', 'local host',
  '[::1', '::1]', '[[::1]]', '[::1]]', '::1%lo', '[::1%25lo]', '[fe80::1%25eth0]', 'fe80::1%eth0', '::ffff:127.1', '::ffff:0177.0.0.1', '::ffff:0x7f.0.0.1',
  '::ffff:127.0.0.01', '::ffff:2130706433', '1::2::3', ':::1', '0:0:0:0:0:0:0:0:1', '::00001', '0:0:0:0:0:ffff:127.0.0.1:0', '[localhost]', '-localhost',
]; // prettier-ignore

const NAMES: readonly string[] = [
  'localhost', 'LOCALHOST', 'LocalHost', 'localhost.', 'a.localhost', 'a.b.localhost', 'a.localhost.', 'X.LOCALHOST',
]; // prettier-ignore

/** All of them, each once: some hundreds of addresses, and as many texts that only look like one. */
export function spellings(): Spelling[] {
  const found = [
    ...FORBIDDEN_IPV4.map(ipv4),
    ...IN_EVERY_FORM.flatMap(carried),
    ...IN_EVERY_FORM.flatMap(odd),
    ...FORBIDDEN_IPV6.flatMap((text) => [ipv6(text), { ...ipv6(text), text: `[${text}]` }]),
    ...MALFORMED.map((text): Spelling => ({ text, kind: 'malformed' })),
    ...NAMES.map((text): Spelling => ({ text, kind: 'name' })),
  ];
  return [...new Map(found.map((spelling) => [spelling.text, spelling])).values()];
}

function ipv4(address: string): Spelling {
  return { text: address, kind: 'address', bytes: Buffer.from(address.split('.').map(Number)) };
}

/** The IPv6 addresses that carry it. */
function carried(address: string): Spelling[] {
  const bytes = Buffer.from(address.split('.').map(Number));
  const [high, low] = [bytes.readUInt16BE(0).toString(16), bytes.readUInt16BE(2).toString(16)];
  const padded = `${high.padStart(4, '0')}:${low.padStart(4, '0')}`;
  const inverse = Buffer.from(bytes.map((byte) => 255 - byte)).toString('hex');
  const texts = [
    `::ffff:${address}`,
    `::FFFF:${high}:${low}`,
    `0:0:0:0:0:ffff:${address}`,
    `0000:0000:0000:0000:0000:ffff:${padded}`,
    `::${address}`,
    `64:ff9b::${address}`,
    `64:ff9b::${high}:${low}`,
    `64:ff9b:1::${high}:${low}`,
    `2002:${high}:${low}::`,
    `2002:${padded}::1`,
    `2001:0:${high}:${low}::`,
    `2001::${inverse.slice(0, 4)}:${inverse.slice(4)}`,
    `fe80::5efe:${address}`,
    `2606:4700::5efe:${high}:${low}`,
    `2606:4700::200:5efe:${address}`,
  ];
  return [ipv4(address), ...texts.map(ipv6)];
}

/** What inet_aton(3), browsers and shells read as the address. */
function odd(address: string): Spelling[] {
  const parts = address.split('.').map(Number) as [number, number, number, number];
  const [a, b, c, d] = parts;
  const value = Buffer.from(parts).readUInt32BE(0);
  const hex = (part: number): string => `0x${part.toString(16)}`;
  const octal = (part: number): string => `0${part.toString(8)}`;
  const texts = [
    `${value}`,
    hex(value),
    hex(value).toUpperCase(),
    octal(value),
    `${value + 2 ** 32}`,
    parts.map(hex).join('.'),
    parts.map(octal).join('.'),
    `${hex(a)}.${octal(b)}.${c}.${d}`,
    `${a}.${b}.${hex(c)}.${octal(d)}`,
    `${a}.${b}.${c * 256 + d}`,
    `${a}.${b * 65_536 + c * 256 + d}`,
    `${a}.${hex(b * 65_536 + c * 256 + d)}`,
    parts.map((part) => String(part).padStart(3, '0')).join('.'),
    parts.map((part) => String(part).padStart(4, '0')).join('.'),
    `${address}.`,
    `${a}.${b}.${c}.${d + 256}`,
    `0.${address}`,
  ];
  // Padding may leave an address as it is.
  return texts.filter((text) => text !== address).map((text): Spelling => ({ text, kind: 'odd' }));
}

function ipv6(text: string): Spelling {
  return { text, kind: 'address', bytes: bytesOf(text) };
}

/** By the reader of URLs, which is not ours. */
function bytesOf(text: string): Buffer {
  const [left = '', right] = new URL(`http://[${text}]/`).hostname.slice(1, -1).split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const [before, after] = [groups(left), groups(right ?? '')];
  const gap = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return Buffer.from([...before, ...gap, ...after].map((group) => group.padStart(4, '0')).join(''), 'hex');
}

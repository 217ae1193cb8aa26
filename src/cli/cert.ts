/** `gyre cert`: a certificate for development, signed by itself. */
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { domainToASCII } from 'node:url';
import { InvalidArgumentError, type Command } from 'commander';
import { Failure } from './exit.ts';
import { enumerate, say } from './terminal.ts';

/** Apple's systems take no certificate of a server that is valid for longer. */
const MOST_DAYS = 825;
const DAY_MS = 86_400_000;
/** Clocks differ: a certificate begins a little before it was made. */
const BEFORE_MS = 3_600_000;

/** What every certificate is for. */
const OWN_NAMES = ['localhost', '127.0.0.1', '::1'];

const HELP = `
Writes cert.pem and key.pem (readable by you alone) for localhost, 127.0.0.1, ::1 and the names you add. Clients do not
trust it until they are told to: for real clients take a certificate of an authority (certbot, your own).
A running Gyre takes up the new files by itself.

Examples:
  gyre cert
  gyre cert --out tls --name proxy.test --name 192.0.2.1 --days 30
  gyre cert --force --session-domain proxy.test   also for *.proxy.test, see sessionDomain in the configuration`;

interface CertFlags {
  readonly out: string;
  readonly name?: readonly string[];
  readonly sessionDomain?: readonly string[];
  readonly days: number;
  readonly force?: true;
}

export interface CertificateRequest {
  /** Names and addresses; the first names the subject. */
  readonly names: readonly string[];
  readonly days: number;
}

type Gather = (text: string, previous?: readonly string[]) => readonly string[];

const gather =
  (read: (text: string) => string): Gather =>
  (text, previous = []) => [...previous, read(text)];

export function registerCert(program: Command): void {
  program
    .command('cert')
    .description('make a self-signed certificate for development')
    .option('--out <dir>', 'where to write cert.pem and key.pem', '.')
    .option('--name <name>', 'another name or address it is for; repeatable', gather(readName))
    .option(
      '--session-domain <domain>',
      'a domain whose server names are sessions; repeatable',
      gather(readDomain),
    )
    .option('--days <count>', `how long it is valid, 1 to ${MOST_DAYS}`, readDays, 365)
    .option('--force', 'replace files that are there')
    .addHelpText('after', HELP)
    .action((flags: CertFlags) => cert(flags));
}

async function cert({ out, name = [], sessionDomain = [], days, force }: CertFlags): Promise<void> {
  const files = { cert: join(out, 'cert.pem'), key: join(out, 'key.pem') };
  const there = Object.values(files).filter((file) => existsSync(file));
  if (there.length > 0 && force === undefined) {
    throw new Failure(
      `there ${there.length === 1 ? 'is' : 'are'} already ${enumerate(there)}`,
      'replace with --force, or write elsewhere with --out DIR',
    );
  }
  const domains = sessionDomain.flatMap((domain) => [domain, `*.${domain}`]);
  const names = [...new Set([...OWN_NAMES, ...name, ...domains])];
  const made = await makeCertificate({ names, days });
  mkdirSync(out, { recursive: true });
  // Beside, then over it: whoever watches the files reads whole ones.
  replaceFile(files.key, made.key, 0o600);
  replaceFile(files.cert, made.cert, 0o644);
  const until = new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 10);
  const [certFile, keyFile] = [quoted(files.cert), quoted(files.key)];
  say(
    [
      `wrote ${files.cert}: for ${enumerate(names)}, until ${until}`,
      `wrote ${files.key}: keep it to yourself`,
      'use it:',
      `  gyre serve --listen tls://127.0.0.1:1443 --tls-cert ${certFile} --tls-key ${keyFile} --pool 127.0.0.2-127.0.0.9`,
      `  curl --proxy https://localhost:1443 --proxy-cacert ${certFile} https://example.com/`,
    ].join('\n'),
  );
}

/** @returns Both as PEM; the key is ECDSA on P-256, which every client of this decade takes. */
export async function makeCertificate({
  names,
  days,
}: CertificateRequest): Promise<{ readonly cert: string; readonly key: string }> {
  // Loaded here, so that the other commands start without it.
  const { generate } = await import('selfsigned');
  const now = Date.now();
  const made = await generate([{ name: 'commonName', value: names[0]! }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate: new Date(now - BEFORE_MS),
    notAfterDate: new Date(now + days * DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: names.map((name) => (isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name })),
      },
    ],
  });
  return { cert: withNewline(made.cert), key: withNewline(made.private) };
}

function replaceFile(path: string, text: string, mode: number): void {
  const beside = `${path}.new`;
  rmSync(beside, { force: true });
  writeFileSync(beside, text, { mode, flag: 'wx' });
  renameSync(beside, path);
}

/** A name as certificates carry it: lower case, in ASCII, `*` at most for its first label. */
export function readName(text: string): string {
  if (isIP(text) !== 0) return text;
  const [, star = '', rest = ''] = /^(\*\.)?(.*)$/.exec(text) ?? [];
  const name = domainToASCII(rest);
  const label = /^(?!-)[a-z0-9-]{1,63}(?<!-)$/;
  const labels = name.split('.');
  // What looks like an address and is none would be taken for one.
  const valid = labels.every((one) => label.test(one)) && name.length <= 253 && !/^\d+$/.test(labels.at(-1)!);
  if (!valid) throw new InvalidArgumentError('It must be a name such as proxy.test, or an IP address.');
  return star + name;
}

function readDomain(text: string): string {
  const name = readName(text);
  if (isIP(name) === 0 && !name.startsWith('*')) return name;
  throw new InvalidArgumentError('It must be a domain such as proxy.test.');
}

function readDays(text: string): number {
  const days = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (days >= 1 && days <= MOST_DAYS) return days;
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${MOST_DAYS}.`);
}

const withNewline = (text: string): string => `${text.trim().replaceAll('\r\n', '\n')}\n`;

/** As a shell takes it. */
function quoted(path: string): string {
  return /^[\w./@%+:,-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}

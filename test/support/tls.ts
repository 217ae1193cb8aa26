/**
 * A certificate authority and a server certificate, made at run time: no key is ever kept in the repository, and a
 * client trusts the target through its own CA option, as its user would.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runProgram } from './program.ts';

export interface Certificate {
  /** PEM of the server's key and certificate, for `tls.createServer`. */
  readonly key: string;
  readonly cert: string;
  /** Path of the authority's PEM file: what `curl --cacert` and its like want. */
  readonly caFile: string;
}

const NAMES = 'subjectAltName=DNS:localhost,DNS:*.localhost,IP:127.0.0.1,IP:::1';
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];

/** Makes both in `folder` with openssl (3.0 or later) for the loopback names and addresses. */
export async function makeCertificate(folder: string): Promise<Certificate> {
  const file = (name: string): string => join(folder, name);
  const authority = ['-subj', '/CN=Gyre test authority', '-keyout', file('ca.key'), '-out', file('ca.pem')];
  const target = ['-subj', '/CN=localhost', '-keyout', file('target.key'), '-out', file('target.pem')];
  await openssl([...authority, '-addext', 'basicConstraints=critical,CA:TRUE']);
  await openssl([
    ...target,
    '-CA',
    file('ca.pem'),
    '-CAkey',
    file('ca.key'),
    '-addext',
    NAMES,
    '-addext',
    'basicConstraints=critical,CA:FALSE',
  ]);
  const [key, cert] = await Promise.all([
    readFile(file('target.key'), 'utf8'),
    readFile(file('target.pem'), 'utf8'),
  ]);
  return { key, cert, caFile: file('ca.pem') };
}

async function openssl(args: readonly string[]): Promise<void> {
  const outcome = await runProgram('openssl', ['req', '-x509', ...NEW_KEY, ...args]);
  if (outcome.code !== 0) throw new Error(`openssl made no certificate: ${outcome.stderr}`);
}

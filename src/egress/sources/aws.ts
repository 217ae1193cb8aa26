/**
 * The addresses of a network card of an EC2 instance, as its metadata service knows them: the private IPv4 addresses, the
 * IPv6 addresses, and the prefixes delegated to the card. Version 2 of the service only, which asks for a token first.
 */
import { networkInterfaces } from 'node:os';
import type { AwsTerm } from '../expression/term.ts';
import { listReader } from './list.ts';
import { collect, errorCode, REFRESH_MS, SourceError, type Source, type SourceOptions } from './source.ts';

const LIMIT_MS = 5000;
const ENDPOINT = 'http://169.254.169.254';
/** The longest the service allows, in seconds. */
const TOKEN_SECONDS = 21_600;
const MOST_BYTES = 1024 * 1024;
const LISTS = ['local-ipv4s', 'ipv6s', 'ipv4-prefix', 'ipv6-prefix'] as const;

/**
 * The address of the service is `AWS_EC2_METADATA_SERVICE_ENDPOINT`, where that is set, as in Amazon's own tools.
 */
export function awsSource(term: AwsTerm, options: SourceOptions = {}): Source {
  const { refreshMs = REFRESH_MS, limitMs = LIMIT_MS, environment = process.env } = options;
  const { interfaces = networkInterfaces } = options;
  const parse = listReader(term);
  let service: Metadata | undefined;
  return {
    text: term.text,
    refreshMs: term.refreshMs ?? refreshMs,
    async read(signal) {
      service ??= new Metadata(endpointOf(environment), limitMs);
      const mac = term.card.includes(':') ? term.card : macOf(interfaces(), term.card);
      const folder = `/latest/meta-data/network/interfaces/macs/${mac}`;
      await service.authenticate(signal);
      const lists = await Promise.all(LISTS.map((list) => service!.get(`${folder}/${list}`, signal)));
      if (lists.every((list) => list === undefined))
        throw new SourceError(`the metadata service knows no network card ${mac}`);
      return parse(Buffer.from(lists.filter((list) => list !== undefined).join('\n')));
    },
  };
}

function macOf(interfaces: ReturnType<typeof networkInterfaces>, name: string): string {
  const infos = Object.hasOwn(interfaces, name) ? interfaces[name] : undefined;
  const mac = infos?.find(({ mac }) => mac !== '00:00:00:00:00:00')?.mac;
  if (mac === undefined) throw new SourceError('this host has no such interface with an address and a MAC');
  return mac.toLowerCase();
}

function endpointOf(environment: NodeJS.ProcessEnv): URL {
  const text = environment['AWS_EC2_METADATA_SERVICE_ENDPOINT'] || ENDPOINT;
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '')
    return url;
  throw new SourceError('AWS_EC2_METADATA_SERVICE_ENDPOINT is no http URL');
}

class Metadata {
  readonly #endpoint: URL;
  readonly #limitMs: number;
  #token: string | undefined = undefined;
  #renewal: Promise<string> | undefined = undefined;

  constructor(endpoint: URL, limitMs: number) {
    this.#endpoint = endpoint;
    this.#limitMs = limitMs;
  }

  /** So that questions asked at the same time share one token. */
  async authenticate(signal: AbortSignal): Promise<void> {
    this.#token ??= await this.#renew(signal);
  }

  /** @returns Undefined when there is nothing under this path. */
  async get(path: string, signal: AbortSignal): Promise<string | undefined> {
    for (let attempt = 0; ; attempt++) {
      const token = this.#token ?? (await this.#renew(signal));
      const { status, text } = await this.#ask('GET', path, { 'x-aws-ec2-metadata-token': token }, signal);
      if (status === 200) return text;
      if (status === 404) return undefined;
      // A token that ran out, or was made before the instance was stopped and started again.
      if (status !== 401 || attempt > 0) throw new SourceError(refused(status));
      if (this.#token === token) this.#token = undefined;
    }
  }

  #renew(signal: AbortSignal): Promise<string> {
    this.#renewal ??= this.#fetchToken(signal).finally(() => {
      this.#renewal = undefined;
    });
    return this.#renewal;
  }

  async #fetchToken(signal: AbortSignal): Promise<string> {
    const headers = { 'x-aws-ec2-metadata-token-ttl-seconds': String(TOKEN_SECONDS) };
    const { status, text } = await this.#ask('PUT', '/latest/api/token', headers, signal);
    if (status !== 200) throw new SourceError(refused(status));
    const token = text.trim();
    if (!/^[\x21-\x7e]{1,1024}$/.test(token))
      throw new SourceError('the metadata service gave no usable token');
    this.#token = token;
    return token;
  }

  async #ask(
    method: string,
    path: string,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<{ status: number; text: string }> {
    const limit = AbortSignal.timeout(this.#limitMs);
    try {
      const response = await fetch(new URL(path, this.#endpoint), {
        method,
        headers,
        redirect: 'manual',
        signal: AbortSignal.any([signal, limit]),
      });
      const { status, body } = response;
      const bytes =
        body === null ? new Uint8Array() : await collect(body as AsyncIterable<Uint8Array>, MOST_BYTES);
      return { status, text: Buffer.from(bytes).toString('utf8') };
    } catch (error) {
      if (limit.aborted && !signal.aborted)
        throw new SourceError(`the metadata service did not answer within ${this.#limitMs / 1000} s`);
      const code = errorCode(error);
      if (error instanceof SourceError || code === undefined) throw error;
      throw new SourceError(`the metadata service cannot be reached: ${code}`);
    }
  }
}

function refused(status: number): string {
  return `the metadata service refuses with HTTP status ${status}`;
}

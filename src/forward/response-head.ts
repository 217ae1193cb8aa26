/** The heads that go to the client: of a response, and of what may come before one. */
import type { IncomingMessage } from 'node:http';
import { ProxyError } from '../errors.ts';
import type { ForwardRequest } from '../protocol/http-request.ts';
import { headText } from '../protocol/http.ts';
import { responseFields } from './fields.ts';

/** What Node tells of an interim response. */
export type Interim = Pick<IncomingMessage, 'rawHeaders'> & {
  readonly statusCode: number;
  readonly statusMessage: string;
};

/** As text, with its empty line. @throws ProxyError `BAD_RESPONSE` */
export function interimHead({ statusCode, statusMessage, rawHeaders }: Interim): string {
  const frame = { status: statusCode, chunks: false, connection: undefined, proxyStatus: undefined };
  return headText(statusLine(statusCode, statusMessage), responseFields(rawHeaders, frame));
}

/** A 101, as text, with its empty line. @throws ProxyError `BAD_RESPONSE` */
export function switchHead({ statusMessage, rawHeaders }: IncomingMessage, proxyStatus: string): string {
  const frame = { status: 101, chunks: false, connection: 'Upgrade', proxyStatus } as const;
  return headText(statusLine(101, statusMessage), responseFields(rawHeaders, frame));
}

/** A final response, in the parts that Node writes. */
export interface ReplyHead {
  readonly status: number;
  readonly reason: string;
  /** Names and values in turn. */
  readonly fields: string[];
}

/** @param delimited The client can tell where the answer ends though the connection does not. */
export type MayStay = (status: number, delimited: boolean) => boolean;

/**
 * @param mayStay Whether the client may stay for another request behind this answer.
 * @throws ProxyError `BAD_RESPONSE`
 */
export function replyHead(
  { statusCode = 0, statusMessage, rawHeaders, headers }: IncomingMessage,
  { method, version }: ForwardRequest,
  proxyStatus: string,
  mayStay: MayStay,
): ReplyHead {
  if (statusCode < 200 || statusCode > 599)
    throw new ProxyError('BAD_RESPONSE', 'the target answers with a status that is none');
  const bodiless = statusCode === 204 || statusCode === 304 || method === 'HEAD';
  const delimited = bodiless || version === '1.1' || headers['content-length'] !== undefined;
  const fields = responseFields(rawHeaders, {
    status: statusCode,
    chunks: !bodiless && version === '1.1',
    connection: mayStay(statusCode, delimited) ? 'keep-alive' : 'close',
    proxyStatus,
  });
  return { status: statusCode, reason: reasonOf(statusMessage), fields };
}

const statusLine = (status: number, message: string | undefined): string =>
  `HTTP/1.1 ${status} ${reasonOf(message)}`;

/** A reason phrase that can be written; Node's parser lets everything pass there. */
const reasonOf = (message = ''): string => (/^[\t\u0020-\u007e\u0080-\u00ff]*$/.test(message) ? message : '');

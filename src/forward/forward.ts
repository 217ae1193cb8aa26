/**
 * Plain HTTP: requests in absolute-form (RFC 9112 §3.2.2), as clients with `http_proxy` send them.
 *
 * `conversation.ts` is one client connection, `exchange.ts` the way of one request, `passage.ts` its bytes. Parsing and
 * writing is Node's HTTP; `client-stream.ts` decides what its parser gets to see, and `leg-stream.ts` joins it to legs.
 */
import type { Connection } from '../connection.ts';
import type { Leg } from '../leg/leg.ts';
import { Conversation, type ConversationContext } from './conversation.ts';

export type { Forward } from './conversation.ts';

/** Everything forwarding may touch. */
export interface ForwardContext extends ConversationContext {}

/**
 * Serves the requests of one client connection until it ends.
 * @param first The record of the first request; every further one gets its own. All of them are accounted for here.
 * @param leg Its `held` bytes begin with the first request.
 * @returns a leg when the client wants a tunnel now: the request for it is in `held`. Never rejects.
 */
export function forward(first: Connection, leg: Leg, context: ForwardContext): Promise<Leg | undefined> {
  return new Promise((over) => new Conversation(first, leg, context, over).start());
}

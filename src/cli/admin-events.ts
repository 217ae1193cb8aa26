/** Server-sent events, as the admin API sends them. */
import { Failure } from './exit.ts';

export interface ServerEvent {
  readonly event: string;
  readonly data: string;
}

/** Characters of one event; a status has some thousand. */
const LONGEST = 16 * 1024 * 1024;

/**
 * Events of a response, until it ends. Comments and fields nobody asked for are left out.
 * @param onBytes Called whenever something comes, events or not.
 * @throws {Failure} One event is longer than any of ours.
 */
export async function* eventsOf(
  response: AsyncIterable<Buffer | string>,
  onBytes: () => void = () => {},
): AsyncGenerator<ServerEvent, void, undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of response) {
    onBytes();
    rest += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
    const blocks = rest.split(/\r?\n\r?\n/);
    rest = blocks.pop()!;
    if (rest.length > LONGEST)
      throw new Failure('the answer is not what a Gyre sends: an event without an end');
    for (const block of blocks) {
      const event = readEvent(block);
      if (event !== undefined) yield event;
    }
  }
}

function readEvent(block: string): ServerEvent | undefined {
  let event = 'message';
  const data: string[] = [];
  for (const line of block.split(/\r?\n/)) {
    const [, field, value = ''] = /^(event|data): ?(.*)$/.exec(line) ?? [];
    if (field === 'event') event = value;
    if (field === 'data') data.push(value);
  }
  return data.length === 0 ? undefined : { event, data: data.join('\n') };
}

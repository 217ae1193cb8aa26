/** What a session is called where it must be named in a sentence. */
import type { SessionView } from '../../admin/api.ts';

export function nameOf({ user, id, key }: Pick<SessionView, 'user' | 'id' | 'key'>): string {
  return [user, id].filter(Boolean).join(' / ') || key.slice(0, 12);
}

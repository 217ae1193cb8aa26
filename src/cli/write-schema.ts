/** Writes config/gyre.schema.json, from which editors know the options, and config/openapi.json: `npm run schema`. */
import { writeFileSync } from 'node:fs';
import { documentText } from '../admin/openapi.ts';
import { jsonSchema } from '../runtime/config/schema.ts';

export const SCHEMA_FILE: URL = new URL('../../config/gyre.schema.json', import.meta.url);

export const OPENAPI_FILE: URL = new URL('../../config/openapi.json', import.meta.url);

export function schemaText(): string {
  return `${JSON.stringify(jsonSchema(), null, 2)}\n`;
}

if (import.meta.main) {
  writeFileSync(SCHEMA_FILE, schemaText());
  writeFileSync(OPENAPI_FILE, documentText());
}

import { z } from 'zod';

const PROTO = '__proto__';

/**
 * The record of zod, but with the key `__proto__`, which zod leaves out. In JSON that key is a name
 * like others, and a database stores it. `JSON.parse` and `Object.fromEntries` make an own property
 * of it, which changes no prototype.
 *
 * It is a class of its own, because methods such as `describe` make new instances of it.
 */
const JsonRecord: z.core.$constructor<z.ZodRecord, z.core.$ZodRecordDef> = z.core.$constructor(
  'JsonRecord',
  (record, definition) => {
    z.ZodRecord.init(record, definition);
    const parse = record._zod.parse;
    record._zod.parse = (payload, context) => {
      const sent = payload.value;
      const parsed = parse(payload, context);
      if (parsed instanceof Promise || !hasProto(sent)) return parsed;
      const one = definition.valueType._zod.run({ value: sent[PROTO], issues: [] }, context);
      if (one instanceof Promise) throw new z.core.$ZodAsyncError();
      parsed.issues.push(...z.core.util.prefixIssues(PROTO, one.issues));
      const entries = Object.entries(parsed.value as Record<string, unknown>);
      parsed.value = Object.fromEntries([...entries, [PROTO, one.value]]);
      return parsed;
    };
  },
);

/** Creates the schema of a JSON object with any names, whose values have this schema. */
export function jsonRecord<Value extends z.ZodType>(
  valueType: Value,
): z.ZodRecord<z.ZodString, Value> {
  const record = new JsonRecord({ type: 'record', keyType: z.string(), valueType });
  return record as unknown as z.ZodRecord<z.ZodString, Value>;
}

function hasProto(value: unknown): value is { [PROTO]: unknown } {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, PROTO);
}

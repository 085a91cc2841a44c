import { isJsonObject, type Json } from '../../json/json.ts';

// Whether the time to check a value is bounded by the size of the schema times the size of the
// value. Only keywords that are listed here are bounded. Patterns, formats and `uniqueItems` are
// not, nor are references, which may form a loop, nor keywords that this code does not know.

const ANNOTATIONS = `$schema $id $comment $anchor title description default examples example
  deprecated readOnly writeOnly nullable contentEncoding contentMediaType`;
const COMPARISONS = `type enum const minimum maximum exclusiveMinimum exclusiveMaximum multipleOf
  minLength maxLength minItems maxItems minProperties maxProperties minContains maxContains
  required dependentRequired`;
/** Schemas that only a reference reaches. */
const UNUSED = '$defs definitions';
const WITHOUT_SCHEMAS = new Set(`${ANNOTATIONS} ${COMPARISONS} ${UNUSED}`.split(/\s+/));
/** Keywords whose value is a schema, or a list of schemas. */
const SCHEMAS = new Set(
  `items prefixItems additionalItems additionalProperties contains propertyNames not if then else
  allOf anyOf oneOf`.split(/\s+/),
);
/** Keywords whose value has schemas by the names of properties. */
const NAMED_SCHEMAS = new Set(['properties', 'dependentSchemas']);

const MAX_LEVELS = 100;

/** Returns whether all keywords of a schema are bounded. */
export function isBoundedSchema(schema: Json, level = 0): boolean {
  if (level > MAX_LEVELS) return false;
  const isBounded = (part: Json) => isBoundedSchema(part, level + 1);
  if (Array.isArray(schema)) return schema.every(isBounded);
  if (!isJsonObject(schema)) return true;
  return Object.entries(schema).every(([keyword, value]) => {
    if (WITHOUT_SCHEMAS.has(keyword)) return true;
    if (NAMED_SCHEMAS.has(keyword) && isJsonObject(value)) {
      return Object.values(value).every(isBounded);
    }
    return SCHEMAS.has(keyword) && isBounded(value);
  });
}

import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import type { Shape } from './shape.ts';

/**
 * The accepted parts of an answer. A text is replaced by its index in `texts` until the texts are
 * stored.
 */
export type BoundedValue = {
  value: Json;
  texts: { path: string; text: string }[];
  /** The places in the schema of values that were not accepted, without the values. */
  unfit: string[];
};

/** Returns the parts of a model's answer that the shape allows. Any other value becomes null. */
export function boundValue(shape: Shape, said: Json): BoundedValue {
  const texts: BoundedValue['texts'] = [];
  const unfit = new Set<string>();
  const none = (path: string): null => {
    unfit.add(path);
    return null;
  };
  const take = (inner: Shape, value: Json | undefined, path: string): Json => {
    if (value === undefined || value === null) return null;
    switch (inner.kind) {
      case 'value':
        return inner.fits(value) ? value : none(path);
      case 'text':
        if (typeof value !== 'string') return none(path);
        texts.push({ path, text: value });
        return { $text: texts.length - 1 };
      case 'list':
        return Array.isArray(value) && value.length <= inner.most
          ? value.map((item) => take(inner.items, item, `${path}.items`))
          : none(path);
      case 'object':
        return isJsonObject(value)
          ? Object.fromEntries(
              [...inner.fields].map(([name, field]) => [
                name,
                take(field, Object.hasOwn(value, name) ? value[name] : null, `${path}.${name}`),
              ]),
            )
          : none(path);
    }
  };
  return { value: take(shape, said, 'schema'), texts, unfit: [...unfit] };
}

/** Replaces the index of each text with its reference. */
export function withReferences(value: Json, references: readonly JsonObject[]): Json {
  if (Array.isArray(value)) return value.map((item) => withReferences(item, references));
  if (!isJsonObject(value)) return value;
  if (typeof value.$text === 'number') return references[value.$text] ?? null;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, withReferences(inner, references)]),
  );
}

/**
 * Returns whether a value of this shape can carry information of the text, in its words or in their
 * number.
 */
export function saysMore(shape: Shape): boolean {
  switch (shape.kind) {
    case 'value':
    case 'list':
      return true;
    case 'text':
      return false;
    case 'object':
      return [...shape.fields.values()].some(saysMore);
  }
}

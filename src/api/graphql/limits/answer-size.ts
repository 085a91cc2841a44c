import { hasMembers } from '../../../json/json.ts';
import '../environment.ts';
import { type ExecutionResult, GraphQLError } from 'postgraphile/graphql';
import { ExactNumber } from '../../../json/exact-number.ts';

/**
 * The longest answer, in characters. A row that is read once may appear many times: under aliases,
 * or in each row that leads to it. Writing 10 MB as JSON takes about 0.1 seconds of the event loop.
 */
const MAX_CHARACTERS = 10_000_000;
/** Quotes, colon and comma around a value and its name. */
const PUNCTUATION = 4;

/**
 * Returns the result, or an error with `HWINV` if the result is too large to be written as JSON.
 */
export function boundResult<R extends ExecutionResult>(result: R, isMutation: boolean): R {
  if (!isLarger(result.data, MAX_CHARACTERS)) return result;
  const message = `the answer has more than ${MAX_CHARACTERS / 1_000_000} MB`;
  const fix = 'Ask for fewer rows at once (`first`), or leave out fields with large values.';
  const extensions = {
    code: 'HWINV',
    hint: isMutation ? `The mutation is committed. ${fix}` : fix,
    detail: { limit: 'answer', most: MAX_CHARACTERS },
  };
  return { ...result, data: null, errors: [new GraphQLError(message, { extensions })] };
}

/**
 * Returns whether a value has more characters than `most` as JSON, apart from escapes. Stops as
 * soon as the answer is known. Does not recurse, so depth is no limit.
 */
export function isLarger(value: unknown, most: number): boolean {
  const rest = [value];
  let size = 0;
  while (rest.length > 0 && size <= most) {
    const one = rest.pop();
    size += PUNCTUATION;
    if (typeof one === 'string') size += one.length;
    else if (Array.isArray(one)) for (const item of one) rest.push(item);
    else if (one instanceof ExactNumber) size += one.text.length;
    else if (hasMembers(one)) {
      for (const name in one) {
        size += name.length;
        rest.push((one as Record<string, unknown>)[name]);
      }
    }
  }
  return size > most;
}

import type { z } from 'zod';

type Issue = z.core.$ZodIssue;

/**
 * What is wrong with a value that may be one of several: the fault inside the one it was meant to be, as far as its shape
 * tells; else all that it may be. Another issue is given as it is.
 */
export function plainIssue(issue: Issue): Issue {
  if (issue.code !== 'invalid_union') return issue;
  const alternatives = issue.errors.flatMap(([first]) => (first ? [plainIssue(first)] : []));
  const meant = alternatives.find(({ code, path }) => path.length > 0 || code !== 'invalid_type');
  if (meant) return { ...meant, path: [...issue.path, ...meant.path] };
  const wanted = new Set(
    alternatives.map(({ message }) =>
      message.replace(/^Invalid input: expected |, received.*$/g, ''),
    ),
  );
  if (wanted.size === 0) return issue;
  const received = /, received (.*)$/.exec(alternatives[0]?.message ?? '')?.[1] ?? 'something else';
  return {
    ...issue,
    message: `Invalid input: expected ${[...wanted].join(' or ')}, received ${received}`,
  };
}

/** Requests that clients expect, and what does the same. */
const OTHER_WAYS: readonly (readonly [methods: RegExp, path: RegExp, hint: string])[] = [
  [
    /^GET$/,
    /^\/sessions\/[^/]+\/messages$/,
    'GET /sessions/{sid}/history has the messages of a session.',
  ],
  [/^DELETE$/, /^\/api\/api-keys\/[^/]+$/, 'POST /api/api-keys/{id}/revoke revokes a key.'],
  [/^DELETE$/, /^\/api\/users\/[^/]+$/, 'POST /api/users/{id}/erase erases a user.'],
  [
    /^(POST|PUT|PATCH|DELETE)$/,
    /^\/api\/hooks(\/[^/]+)?$/,
    'Only an owner of the database writes hooks, by SQL: docs/hooks.md.',
  ],
];

/** Returns a hint on what does the same as a request that does not exist, if there is one. */
export function otherWay(method: string, path: string): string | undefined {
  return OTHER_WAYS.find(([methods, paths]) => methods.test(method) && paths.test(path))?.[2];
}

import type { Client } from '../../db/queries/json-rows.ts';
import { keyIn, storeAnswer, takeKey } from './framework/request-keys.ts';
import type { Answer, Route, RouteContext, RouteInput } from './framework/route.ts';
import { routes } from './routes.ts';

/** What is kept of an answer: where the row is that it showed, or the ids it told; never what somebody said. */
type Kept = { status: number; location?: string; body?: unknown };

/**
 * Answers a request in its transaction, once for each Idempotency-Key: what it made, and what it was answered, are committed
 * together. Sent again it is answered by the row as it is now.
 */
export async function workOnce(
  db: Client,
  route: Route,
  asked: RouteInput<never, never, never>,
  means: RouteContext,
): Promise<Answer> {
  const key = keyIn(asked.headers);
  const work = async () => (await route.work?.(db, asked, means)) ?? {};
  if (!route.isKeyed || key === undefined) return work();
  const { params, query, body: sent } = asked;
  const kept = await takeKey<Kept>(db, key, [route.method, route.path, params, query, sent]);
  if (kept) return again(db, route, kept, asked, means);
  const answer = await work();
  const location = answer.headers?.location;
  const { status = 200 } = answer;
  const body = route.findAgain ? { id: (answer.body as { id: string }).id } : answer.body;
  const keeping: Kept = location === undefined ? { status, body } : { status, location };
  await storeAnswer(db, key, keeping);
  return answer;
}

async function again(
  db: Client,
  { findAgain }: Route,
  { status, location, body }: Kept,
  asked: RouteInput<never, never, never>,
  means: RouteContext,
): Promise<Answer> {
  if (location === undefined) {
    return { status, body: findAgain ? await findAgain(db, (body as { id: string }).id) : body };
  }
  const found = routeAt(location);
  const shown = await found?.route.work?.(
    db,
    { ...asked, params: found.params as never, query: {} as never },
    means,
  );
  return { ...shown, status, headers: { location } };
}

/** The route that shows what is at a path. */
function routeAt(path: string) {
  for (const route of routes) {
    const pattern = route.path.replace(/\{(\w+)\}$/, '(?<$1>[^/{}]+)');
    const params =
      route.method === 'GET' ? new RegExp(`^${pattern}$`).exec(path)?.groups : undefined;
    if (params) return { route, params };
  }
  return undefined;
}

import { getHowdah } from '../../../../lib/howdah.ts';

export const dynamic = 'force-dynamic';

async function handle(request: Request): Promise<Response> {
  const howdah = await getHowdah();
  return howdah.handler({ prefix: '/api/howdah' })(request);
}

export { handle as DELETE, handle as GET, handle as PATCH, handle as POST, handle as PUT };

import type { CustomTool, ToolContext } from '../../src/contracts/agents/tool.ts';

const parameters = {
  type: 'object',
  properties: { url: { type: 'string' }, room: { type: 'string' }, booking: { type: 'string' } },
};

async function post(url: string, { idempotency_key, signal }: ToolContext): Promise<void> {
  const headers = { 'idempotency-key': idempotency_key };
  const { status } = await fetch(url, { method: 'POST', headers, signal });
  if (status !== 200) throw new Error(`status ${status}`);
}

/** Tools with an external effect: one books a room at a server, the other cancels the booking. */
export const bookingTools: CustomTool[] = [
  {
    name: 'book',
    description: 'Books a room.',
    parameters,
    async run(args, context) {
      await post(`${args.url}/book/${args.room}`, context);
      return { booking: `B-${args.room}` };
    },
  },
  {
    name: 'unbook',
    description: 'Takes a booking back.',
    parameters,
    async run(args, context) {
      await post(`${args.url}/unbook/${args.booking}`, context);
      return 'taken back';
    },
  },
];

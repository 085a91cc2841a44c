import { createServer } from 'node:http';
import { streamOf } from '../../../../chaos/load/openai-server.ts';

// A model server in a process of its own, which can be killed: `node model-server.ts PORT`. It
// calls the tool `calculator` twice and then answers. Each answer takes two seconds.

const ANSWER_MS = 2_000;
const TOOL_CALLS = 2;

type Body = { messages: { role: string }[] };

const server = createServer(async (request, response) => {
  let text = '';
  for await (const piece of request) text += piece;
  const { messages } = JSON.parse(text) as Body;
  const done = messages.filter(({ role }) => role === 'tool').length;
  const call = { id: `call_${done}`, name: 'calculator', arguments: { expression: `${done}+1` } };
  const answer = done < TOOL_CALLS ? { tool_calls: [call] } : { content: 'done' };
  setTimeout(() => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(streamOf(answer));
  }, ANSWER_MS);
});

server.listen(Number(process.argv[2]), '127.0.0.1', () => console.log('ready'));

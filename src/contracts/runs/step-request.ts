import type { JsonObject } from '../../json/json.ts';
import type { ModelRequest } from '../agents/model.ts';
import type { Message } from './message.ts';

/** The request of a step to its model, as the runtime gives it to the provider of the model. */
export type StepRequest = {
  model: Pick<ModelRequest['model'], 'name' | 'provider' | 'model' | 'base_url'> & {
    request_params: JsonObject;
  };
  /** Files are only named: a record does not contain their contents. */
  messages: Pick<Message, 'role' | 'content' | 'parts' | 'tool_calls' | 'tool_call_id'>[];
  tools: ModelRequest['tools'];
  /** The name of the tool that the model had to call, or null. */
  tool_choice: string | null;
  output_schema: ModelRequest['output_schema'];
};

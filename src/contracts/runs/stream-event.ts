import type { Json } from '../../json/json.ts';

/** An event of Server-Sent Events. */
export type StreamEvent = {
  event:
    | 'thought'
    | 'action'
    | 'observation'
    | 'ask_user'
    | 'token'
    | 'complete'
    | 'error'
    /** An event of the log of many runs alone. */
    | 'step';
  /**
   * The position to continue from after this event. An event without an id is sent again, or not at
   * all.
   */
  id?: string;
  data: Readonly<Record<string, Json>>;
};

import '../environment.ts';
import { access, each, type FieldArgs, type Step } from 'postgraphile/grafast';
import { extendSchema, gql } from 'postgraphile/utils';
import type { ListUpdate } from '../subscriptions/list-update.ts';
import { subscribeToSource } from './feed-plugin.ts';

const typeDefs = gql`
  extend type Subscription {
    """
    A list of runs: the newest rows that match the filter (\`first\` of them), then each row that changes, as it is now.
    With \`after\` (the \`cursor\` of the last received event), only the changes since then. Nothing is lost: the newest state of each changed row is sent, in order for each run. States in between may be left out. Does not end by itself.
    \`gatherMs\` gathers the changes of so many milliseconds, at most 10,000: one event then has many rows. \`newestOnly\` keeps to the newest \`first\` rows: changes of older rows are not sent, and so a row that leaves the list is not replaced by an older one.
    """
    executionsFeed(filter: ExecutionsFeedFilter, after: String, first: Int = 100, gatherMs: Int = 0, newestOnly: Boolean = false): ExecutionsFeedEvent

    """
    A list of questions to people, open ones by default: the newest rows that match the filter, then each row that changes. The other arguments work as in \`executionsFeed\`.
    """
    questionsFeed(filter: QuestionsFeedFilter, after: String, first: Int = 100, gatherMs: Int = 0, newestOnly: Boolean = false): QuestionsFeedEvent

    """
    A list of the rows of watched tables: the newest rows that match the filter, then each row whose run changes status or whose answer is written. The other arguments work as in \`executionsFeed\`.
    """
    watchedRowsFeed(filter: WatchedRowsFeedFilter, after: String, first: Int = 100, gatherMs: Int = 0, newestOnly: Boolean = false): WatchedRowsFeedEvent
  }

  """A filter of runs. All conditions must be true."""
  input ExecutionsFeedFilter {
    """The name of the agent."""
    agent: String
    agentId: UUID
    workflowId: UUID
    sessionId: UUID
    parentExecutionId: UUID
    forkedFromExecutionId: UUID
    userId: UUID
    status: [ExecutionStatus!]
    """True selects runs without a parent, false child runs."""
    isRoot: Boolean
    """A JSON object that the metadata must contain."""
    metadata: JSON
    """A text that the array \`tags\` in the metadata must contain."""
    tag: String
    """A row of a table that the runs belong to, such as shop.orders:4711."""
    ref: String
  }

  """A filter of questions. All conditions must be true."""
  input QuestionsFeedFilter {
    executionId: UUID
    rootExecutionId: UUID
    sessionId: UUID
    kind: QuestionKind
    status: QuestionStatus = open
    """The user of the root run."""
    userId: UUID
  }

  """A filter of watched rows. All conditions must be true."""
  input WatchedRowsFeedFilter {
    """The name of a watched table, such as shop.tickets."""
    table: String
    """A JSON object that the primary key must contain, such as {id: 4711}."""
    row: JSON
    executionId: UUID
    """The status of the run."""
    status: [ExecutionStatus!]
    writeBack: WriteBackStatus
  }

  enum ListEventKind {
    """The row is in the list, and is now as shown."""
    changed
    """The row is not in the list, or not any more."""
    removed
    """Nothing is missing up to the cursor."""
    synced
    """Several rows were changed or removed. Only sent with \`gatherMs\`."""
    gathered
  }

  """An event of a list of runs."""
  type ExecutionsFeedEvent {
    kind: ListEventKind!
    """The position to continue from. Null for the rows that the list begins with."""
    cursor: String
    """The id of the run. Null when the kind is \`synced\` or \`gathered\`."""
    id: UUID
    """The run, when the kind is \`changed\`."""
    execution: Execution
    """The changed runs, when the kind is \`gathered\`. Null for those that were deleted meanwhile."""
    executions: [Execution]!
    """The ids of those that left the list, when the kind is \`gathered\`."""
    removedIds: [UUID!]!
  }

  """An event of a list of questions."""
  type QuestionsFeedEvent {
    kind: ListEventKind!
    """The position to continue from. Null for the rows that the list begins with."""
    cursor: String
    """The id of the question. Null when the kind is \`synced\` or \`gathered\`."""
    id: UUID
    """The question, when the kind is \`changed\`."""
    question: Question
    """The changed questions, when the kind is \`gathered\`. Null for those that were deleted meanwhile."""
    questions: [Question]!
    """The ids of those that left the list, when the kind is \`gathered\`."""
    removedIds: [UUID!]!
  }

  """An event of a list of watched rows."""
  type WatchedRowsFeedEvent {
    kind: ListEventKind!
    """The position to continue from. Null for the rows that the list begins with."""
    cursor: String
    """The id of the run of the row. Null when the kind is \`synced\` or \`gathered\`."""
    id: UUID
    """The watched row, when the kind is \`changed\`."""
    watchedRow: WatchedRow
    """The changed watched rows, when the kind is \`gathered\`. Null for those that were deleted meanwhile."""
    watchedRows: [WatchedRow]!
    """The ids of those that left the list, when the kind is \`gathered\`."""
    removedIds: [UUID!]!
  }
`;

const eventPlans = {
  kind: ($event: Step<ListUpdate>) => access($event, 'kind'),
  cursor: ($event: Step<ListUpdate>) => access($event, 'cursor'),
  id: ($event: Step<ListUpdate>) => access($event, 'id'),
  removedIds: ($event: Step<ListUpdate>) => access($event, 'removed'),
};

const subscriptionTo = (list: 'executions' | 'questions' | 'watchedRows') => ({
  subscribePlan: (_$root: Step, args: FieldArgs) =>
    subscribeToSource(list, {
      filter: args.$filter,
      after: args.$after,
      first: args.$first,
      gatherMs: args.$gatherMs,
      newestOnly: args.$newestOnly,
    }),
  plan: ($event: Step<ListUpdate>) => $event,
});

/** Reads the rows of a gathered event with one query. */
function rowsOf<Row extends Step>($event: Step<ListUpdate>, read: ($id: Step) => Row) {
  return each(access($event, 'rows'), ($id) => read($id as Step));
}

/** The subscriptions to lists. The row of an event is read as the caller. */
export const ListPlugin = extendSchema((build) => {
  const { executions, questions, watched_rows } = build.input.pgRegistry.pgResources;
  if (!executions || !questions || !watched_rows) throw new Error('the schema lacks a list');
  return {
    typeDefs,
    objects: {
      Subscription: {
        plans: {
          executionsFeed: subscriptionTo('executions'),
          questionsFeed: subscriptionTo('questions'),
          watchedRowsFeed: subscriptionTo('watchedRows'),
        },
      },
      ExecutionsFeedEvent: {
        plans: {
          ...eventPlans,
          execution: ($event: Step<ListUpdate>) => executions.get({ id: access($event, 'row') }),
          executions: ($event: Step<ListUpdate>) =>
            rowsOf($event, ($id) => executions.get({ id: $id })),
        },
      },
      QuestionsFeedEvent: {
        plans: {
          ...eventPlans,
          question: ($event: Step<ListUpdate>) => questions.get({ id: access($event, 'row') }),
          questions: ($event: Step<ListUpdate>) =>
            rowsOf($event, ($id) => questions.get({ id: $id })),
        },
      },
      WatchedRowsFeedEvent: {
        plans: {
          ...eventPlans,
          watchedRow: ($event: Step<ListUpdate>) =>
            watched_rows.get({ execution_id: access($event, 'row') }),
          watchedRows: ($event: Step<ListUpdate>) =>
            rowsOf($event, ($id) => watched_rows.get({ execution_id: $id })),
        },
      },
    },
  };
});

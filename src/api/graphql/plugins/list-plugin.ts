import '../environment.ts';
import { access, type Step } from 'postgraphile/grafast';
import { extendSchema, gql } from 'postgraphile/utils';
import type { ListUpdate } from '../subscriptions/list-sources.ts';
import { listenTo } from './feed-plugin.ts';

const typeDefs = gql`
  extend type Subscription {
    """
    A list of runs: the newest rows that match the filter (\`first\` of them), then each row that changes, as it is now.
    With \`after\` (the \`cursor\` of the last received event), only the changes since then. Nothing is lost: the newest
    state of each changed row comes, in order for each run. States in between may be left out. Does not end by itself.
    """
    executionsFeed(filter: ExecutionsFeedFilter, after: String, first: Int = 100): ExecutionsFeedEvent

    """
    A list of questions to people, open ones by default: the newest rows that match the filter, then each that changes.
    As executionsFeed.
    """
    questionsFeed(filter: QuestionsFeedFilter, after: String, first: Int = 100): QuestionsFeedEvent
  }

  """A filter of runs. All conditions must be true."""
  input ExecutionsFeedFilter {
    """The name of the agent."""
    agent: String
    agentId: UUID
    workflowId: UUID
    sessionId: UUID
    parentExecutionId: UUID
    userId: UUID
    status: [ExecutionStatus!]
    """True selects runs without a parent, false child runs."""
    isRoot: Boolean
    """A JSON object that the metadata must contain."""
    metadata: JSON
    """A text that the array \`tags\` in the metadata must contain."""
    tag: String
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

  enum ListEventKind {
    """The row is in the list, and is now as shown."""
    changed
    """The row is not in the list, or not any more."""
    removed
    """Nothing is missing up to the cursor."""
    synced
  }

  """An event of a list of runs."""
  type ExecutionsFeedEvent {
    kind: ListEventKind!
    """The position to continue from. Null for the rows that the list begins with."""
    cursor: String
    """The id of the run. Null when the kind is \`synced\`."""
    id: UUID
    """The run, when the kind is \`changed\`."""
    execution: Execution
  }

  """An event of a list of questions."""
  type QuestionsFeedEvent {
    kind: ListEventKind!
    """The position to continue from. Null for the rows that the list begins with."""
    cursor: String
    """The id of the question. Null when the kind is \`synced\`."""
    id: UUID
    """The question, when the kind is \`changed\`."""
    question: Question
  }
`;

const eventPlans = {
  kind: ($event: Step<ListUpdate>) => access($event, 'kind'),
  cursor: ($event: Step<ListUpdate>) => access($event, 'cursor'),
  id: ($event: Step<ListUpdate>) => access($event, 'id'),
};

/** The subscriptions to lists. The row of an event is read as the caller. */
export const ListPlugin = extendSchema((build) => {
  const { executions, questions } = build.input.pgRegistry.pgResources;
  if (!executions || !questions) throw new Error('the schema lacks runs and questions');
  return {
    typeDefs,
    objects: {
      Subscription: {
        plans: {
          executionsFeed: {
            subscribePlan: (_$root, { $filter, $after, $first }) =>
              listenTo('executions', { filter: $filter, after: $after, first: $first }),
            plan: ($event: Step<ListUpdate>) => $event,
          },
          questionsFeed: {
            subscribePlan: (_$root, { $filter, $after, $first }) =>
              listenTo('questions', { filter: $filter, after: $after, first: $first }),
            plan: ($event: Step<ListUpdate>) => $event,
          },
        },
      },
      ExecutionsFeedEvent: {
        plans: {
          ...eventPlans,
          execution: ($event: Step<ListUpdate>) => executions.get({ id: access($event, 'row') }),
        },
      },
      QuestionsFeedEvent: {
        plans: {
          ...eventPlans,
          question: ($event: Step<ListUpdate>) => questions.get({ id: access($event, 'row') }),
        },
      },
    },
  };
});

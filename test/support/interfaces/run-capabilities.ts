import type { NamedCapability } from './names.ts';

/** Tasks on runs, questions and conversations. */
export const RUN_CAPABILITIES: readonly NamedCapability[] = [
  {
    ...{ group: 'Runs', what: 'start a run' },
    sql: ['howdah.run()', 'howdah.run_workflow()', 'insert howdah.executions'],
    graphql: ['createExecution'],
    ...{ rest: 'POST /api/execute', cli: 'run', ts: '.createRun()' },
  },
  {
    ...{ group: 'Runs', what: 'start a run and wait for its answer', sql: 'howdah.ask()' },
    ...{ rest: 'POST /api/execute', cli: 'run', ts: ['.agent()', '.workflow()', '.waitFor()'] },
  },
  {
    ...{ group: 'Runs', what: 'ask a question without naming an agent' },
    ...{ sql: 'howdah.run()', graphql: 'run', rest: 'POST /query', cli: 'run' },
  },
  {
    ...{
      group: 'Runs',
      what: 'list runs',
      sql: ['select howdah.executions', 'howdah.find_runs()', 'howdah.runs_of()'],
    },
    ...{ graphql: ['executions', 'execution'], cli: ['runs list', 'runs show'] },
    rest: ['GET /api/executions', 'GET /api/executions/{id}', 'GET /api/executions/{id}/row'],
  },
  {
    ...{ group: 'Runs', what: 'follow a list of runs', graphql: 'executionsFeed' },
    ...{ rest: 'GET /api/executions/stream', ts: '.executionsFeed()', cli: 'admin top' },
  },
  {
    ...{ group: 'Runs', what: 'read the steps of a run' },
    sql: [
      'select howdah.steps',
      'select howdah.execution_timeline',
      'select howdah.execution_counters',
      'select howdah.status_transitions',
      'select howdah.effects',
    ],
    graphql: [
      'steps',
      'step',
      'executionTimelines',
      'statusTransitions',
      'statusTransition',
      'effects',
    ],
    ...{ rest: 'GET /api/executions/{id}/steps', cli: 'show' },
  },
  {
    ...{ group: 'Runs', what: 'read the messages of a run' },
    sql: ['select howdah.messages', 'select howdah.message_sources'],
    graphql: ['messages', 'message', 'messageSources'],
    ...{ rest: 'GET /api/executions/{id}/messages', cli: 'show' },
  },
  {
    ...{ group: 'Runs', what: 'read the sources of an answer' },
    sql: [
      'howdah.sources()',
      'select howdah.citations',
      'select howdah.searches',
      'select howdah.search_results',
    ],
    graphql: ['sources', 'citation', 'knowledgeSearch', 'searchResult'],
    ...{ rest: 'GET /api/executions/{id}/sources', cli: 'kb sources' },
  },
  {
    ...{ group: 'Runs', what: 'read the tree of child runs', sql: 'select howdah.execution_tree' },
    ...{ graphql: 'executionTrees', cli: 'show' },
    rest: ['GET /api/executions/{id}/tree', 'GET /api/executions/{id}/children'],
  },
  {
    ...{ group: 'Runs', what: 'follow a run', sql: 'howdah.tail()' },
    graphql: ['executionUpdated', 'executionSteps', 'executionTokens', 'executionEvents'],
    ...{ rest: 'GET /api/executions/{id}/stream', cli: ['watch', 'runs watch'], ts: '.stream()' },
  },
  {
    ...{ group: 'Runs', what: 'read the log of all runs', sql: 'select howdah.steps' },
    ...{ graphql: 'steps', rest: 'GET /api/steps', cli: 'logs' },
  },
  {
    ...{ group: 'Runs', what: 'follow the log of all runs' },
    ...{ rest: 'GET /api/steps/stream', cli: 'logs', ts: '.log()' },
  },
  ...['cancel', 'pause', 'resume', 'retry'].map((verb) => ({
    ...{ group: 'Runs', what: `${verb} a run`, sql: `howdah.${verb}_execution()` },
    ...{ rest: `POST /api/executions/{id}/${verb}`, cli: `runs ${verb}` },
    ...(verb === 'cancel' && { ts: '.cancel()' }),
  })),
  ...['cancel', 'pause', 'resume', 'retry'].map((verb) => ({
    ...{ group: 'Runs', what: `${verb} many runs`, sql: `howdah.${verb}_executions()` },
    ...{ rest: `POST /api/executions/${verb}`, cli: `runs ${verb}` },
  })),
  {
    ...{ group: 'Runs', what: 'fork a run', sql: 'howdah.fork_execution()' },
    ...{ rest: 'POST /api/executions/{id}/fork', cli: 'runs fork' },
  },
  {
    ...{ group: 'Runs', what: 'send input to a live run', sql: 'howdah.add_input()' },
    ...{ rest: 'POST /api/executions/{id}/input', cli: 'runs input' },
  },
  {
    ...{
      group: 'Runs',
      what: 'explain why a run waits or failed',
      sql: 'howdah.explain_execution()',
    },
    ...{ rest: 'GET /api/executions/{id}/explanation', cli: ['explain', 'runs explain'] },
  },
  {
    ...{ group: 'Runs', what: 'compare two runs', sql: 'howdah.compare_executions()' },
    ...{ rest: 'GET /api/executions/{id}/compare/{other_id}', cli: 'diff' },
  },
  {
    ...{ group: 'Runs', what: 'read the request of a step', graphql: 'stepRequest' },
    ...{ rest: 'GET /api/executions/{id}/steps/{seq}/request', cli: 'show' },
  },
  {
    ...{ group: 'Runs', what: 'export a run', sql: 'howdah.export_run()', cli: 'runs export' },
    rest: 'GET /api/executions/{id}/export',
  },
  { group: 'Runs', what: 'replay a run', cli: 'dev replay' },
  {
    ...{ group: 'Runs', what: 'show the live runs', sql: 'select howdah.executions' },
    ...{ graphql: 'executions', rest: 'GET /api/executions/live', cli: 'admin top' },
  },
  {
    ...{ group: 'Runs', what: 'give feedback', sql: 'howdah.give_feedback()' },
    rest: 'POST /api/executions/{id}/feedback',
  },
  {
    ...{ group: 'Runs', what: 'read rewards', sql: 'select howdah.rewards', graphql: 'rewards' },
  },
  {
    ...{ group: 'Runs', what: 'read feedback', sql: 'select howdah.feedback_entries' },
    ...{ graphql: ['feedbackEntries', 'feedbackEntry'], rest: 'GET /api/executions/{id}/feedback' },
  },
  {
    ...{ group: 'Runs', what: 'read the text of a file', sql: 'howdah.resource_text()' },
    rest: 'GET /api/resources/{id}/content',
  },
  {
    ...{ group: 'Questions', what: 'list questions', sql: 'select howdah.questions' },
    ...{ graphql: ['questions', 'question'], cli: 'questions' },
    rest: ['GET /api/questions', 'GET /api/questions/{id}', 'GET /api/executions/{id}/questions'],
  },
  {
    ...{ group: 'Questions', what: 'follow a list of questions', graphql: 'questionsFeed' },
    ...{ rest: 'GET /api/questions/stream', ts: '.questionsFeed()', cli: 'questions' },
  },
  {
    ...{ group: 'Questions', what: 'answer a question', sql: 'howdah.answer_question()' },
    ...{ rest: 'POST /api/questions/{id}/answer', cli: 'answer', ts: '.answer()' },
  },
  {
    ...{ group: 'Questions', what: 'answer many questions', sql: 'howdah.answer_questions()' },
    rest: 'POST /api/questions/answer',
  },
  {
    ...{ group: 'Questions', what: 'approve or reject a call' },
    ...{ sql: ['howdah.approve()', 'howdah.reject()'], graphql: ['approve', 'reject'] },
    ...{ rest: 'POST /api/questions/{id}/answer', cli: ['approve', 'reject'], ts: '.answer()' },
  },
  {
    ...{ group: 'Conversations', what: 'start a session' },
    sql: ['howdah.start_session()', 'insert howdah.sessions'],
    ...{ graphql: 'createSession', rest: 'POST /sessions', cli: 'chat' },
  },
  {
    ...{ group: 'Conversations', what: 'list sessions' },
    sql: ['select howdah.sessions', 'howdah.sessions_with()'],
    ...{ graphql: ['sessions', 'session'], rest: ['GET /sessions', 'GET /sessions/{sid}'] },
  },
  {
    ...{ group: 'Conversations', what: 'change a session', sql: 'update howdah.sessions' },
    graphql: 'updateSession',
  },
  {
    ...{ group: 'Conversations', what: 'send a message', sql: 'howdah.send_message()' },
    ...{ rest: 'POST /sessions/{sid}/messages', cli: 'chat', ts: '.session()' },
  },
  {
    ...{ group: 'Conversations', what: 'fork a session', sql: 'howdah.fork_session()' },
    ...{ rest: 'POST /sessions/{sid}/fork', cli: 'chat', ts: '.session()' },
  },
  {
    ...{ group: 'Conversations', what: 'answer in a session', sql: 'howdah.answer_question()' },
    ...{ graphql: 'answerQuestion', rest: 'POST /sessions/{sid}/answers', cli: 'chat' },
    ts: '.session()',
  },
  {
    ...{ group: 'Conversations', what: 'switch the agent of a session' },
    ...{ sql: 'howdah.switch_agent()', rest: 'PUT /sessions/{sid}/agent', cli: 'chat' },
  },
  {
    ...{ group: 'Conversations', what: 'read the state of a session' },
    sql: ['howdah.session_state()', 'howdah.todolist_markdown()'],
    graphql: ['sessionState', 'todolistMarkdown'],
    rest: ['GET /sessions/{sid}/state', 'GET /sessions/{sid}/artifacts/todolist.md'],
    cli: 'chat',
  },
  {
    ...{ group: 'Conversations', what: 'edit the todos of a session as Markdown' },
    ...{ sql: 'howdah.apply_todolist()', cli: 'dev todo' },
    rest: ['GET /sessions/{sid}/todolist', 'PUT /sessions/{sid}/todolist'],
  },
  {
    ...{ group: 'Conversations', what: 'read a conversation', sql: 'select howdah.messages' },
    ...{ graphql: 'messages', rest: ['GET /sessions/{sid}/history', 'GET /sessions/{sid}/usage'] },
    cli: 'chat',
  },
  {
    ...{ group: 'Conversations', what: 'follow a session' },
    graphql: ['sessionMessages', 'sessionEvents'],
    ...{ rest: 'GET /sessions/{sid}/stream', cli: 'chat', ts: '.session()' },
  },
  {
    ...{ group: 'Starting runs', what: 'run a schedule now', sql: 'howdah.run_schedule()' },
    ...{ rest: 'POST /api/schedules/{id}/run', cli: 'admin schedules run' },
  },
  {
    ...{ group: 'Starting runs', what: 'list times of a cron expression' },
    ...{ sql: 'howdah.schedule_times()', graphql: 'scheduleTimesList' },
    rest: 'GET /api/schedules/times',
  },
  {
    ...{ group: 'Starting runs', what: 'follow rows of watched tables' },
    ...{ graphql: 'watchedRowsFeed', rest: 'GET /api/watched-rows/stream' },
    ts: '.watchedRowsFeed()',
  },
  {
    ...{ group: 'Starting runs', what: 'test an inbound hook with a body' },
    ...{ rest: 'POST /api/inbound-hooks/{id}/test', cli: 'admin inbound-hooks test' },
  },
  {
    ...{ group: 'Notifications', what: 'get the signing key of a webhook' },
    graphql: 'issueSigningKey',
    rest: ['POST /api/webhooks/{id}/signing-key', 'POST /api/callbacks/signing-key'],
    cli: 'admin webhooks key',
  },
  {
    ...{ group: 'Notifications', what: 'deliver again', sql: 'howdah.redeliver()' },
    ...{ rest: 'POST /api/webhook-deliveries/{id}/redeliver', cli: 'admin webhooks redeliver' },
  },
  {
    ...{ group: 'Notifications', what: 'use the standard alert rules' },
    ...{ sql: 'howdah.use_alert_rules()', rest: 'POST /api/alert-rules/use' },
    cli: 'admin alerts list',
  },
];

import { withArticle } from '../../../src/text/with-article.ts';
import { capital, type NamedCapability } from './names.ts';

/** Tasks on definitions, people, rules and figures. */
export const DEFINITION_CAPABILITIES: readonly NamedCapability[] = [
  {
    ...{ group: 'Agents and tools', what: 'set the default agent' },
    ...{ sql: 'howdah.set_default_agent()', rest: 'POST /api/agents/{id}/set-default' },
  },
  {
    ...{ group: 'Agents and tools', what: 'find the current agent' },
    ...{ sql: 'howdah.current_agent()', rest: 'GET /api/agents/current' },
  },
  {
    ...{ group: 'Agents and tools', what: 'list the tools that models of an agent get' },
    ...{ sql: 'howdah.agent_tool_list()', rest: 'GET /tools', cli: 'tools list' },
  },
  {
    ...{ group: 'Agents and tools', what: 'show what a tool can do' },
    ...{ sql: 'howdah.tools_actions()', graphql: 'tools', rest: 'GET /tools' },
  },
  {
    ...{ group: 'Agents and tools', what: 'accept a changed tool of an MCP server' },
    ...{ sql: 'howdah.accept_mcp_tool()', cli: 'dev mcp accept' },
    rest: 'POST /api/mcp-servers/{id}/accept-tool',
  },
  {
    ...{ group: 'Agents and tools', what: 'accept a changed prompt of an MCP server' },
    sql: 'howdah.accept_mcp_prompt()',
  },
  {
    ...{ group: 'Agents and tools', what: 'connect an account' },
    ...{ sql: 'howdah.connect_account()', rest: 'POST /api/integrations/{id}/connect' },
    cli: 'admin integrations connect',
  },
  {
    ...{ group: 'Agents and tools', what: 'test a model' },
    ...{ sql: ['howdah.test_model()', 'select howdah.model_tests', 'howdah.models_warnings()'] },
    ...{ graphql: ['modelTest', 'modelTests'], rest: 'POST /api/models/test', cli: 'models test' },
  },
  {
    ...{ group: 'Agents and tools', what: 'list known models with prices' },
    ...{ sql: 'select howdah.model_catalog', graphql: 'modelCatalogs' },
    ...{ rest: 'GET /api/models/catalog', cli: 'models catalog' },
  },
  {
    ...{ group: 'Agents and tools', what: 'explain which model a run would use' },
    sql: 'howdah.explain_model()',
  },
  {
    ...{ group: 'Agents and tools', what: 'search knowledge bases' },
    sql: ['howdah.search()', 'howdah.embed_query()', 'howdah.rerank_query()'],
    ...{ graphql: ['search', 'embedQuery', 'rerankQuery'], cli: 'kb search' },
    rest: 'GET /api/knowledge-bases/{id}/search',
  },
  {
    ...{ group: 'Agents and tools', what: 'count the documents and chunks of a knowledge base' },
    ...{
      sql: 'howdah.knowledge_bases_state()',
      graphql: ['knowledgeBase', 'knowledgeBases'],
      cli: 'kb state',
    },
    rest: 'GET /api/knowledge-bases/{id}/state',
  },
  {
    ...{ group: 'Agents and tools', what: 'list answers whose sources have changed' },
    ...{ sql: 'select howdah.stale_answers', graphql: 'staleAnswers', cli: 'kb stale' },
    rest: 'GET /api/knowledge-bases/{id}/stale-answers',
  },
  {
    ...{ group: 'Agents and tools', what: 'read the query of a search' },
    ...{
      sql: 'howdah.searches_query()',
      graphql: ['knowledgeSearch', 'knowledgeSearchByExecutionIdAndStepSeq'],
    },
    ...{ rest: 'GET /api/searches/{id}', cli: 'dev searches show' },
  },
  {
    ...{ group: 'Agents and tools', what: 'list the searches of a knowledge base' },
    ...{ sql: 'howdah.searches_of()', graphql: 'searchesOf', cli: 'kb searches' },
    rest: 'GET /api/searches',
  },
  {
    ...{ group: 'Agents and tools', what: 'see what a search found, and why' },
    ...{ sql: 'howdah.search_hits()', graphql: 'searchHits', cli: 'kb hits' },
    rest: 'GET /api/searches/{id}/hits',
  },
  {
    ...{ group: 'Agents and tools', what: 'repeat searches' },
    ...{ sql: 'howdah.replay_searches()', graphql: 'replaySearches', cli: 'kb replay' },
    rest: 'GET /api/knowledge-bases/{id}/replay',
  },
  {
    ...{ group: 'Agents and tools', what: 'fit how much words and vectors count in searches' },
    ...{ sql: 'howdah.fit_ranking()', graphql: 'fitRanking', cli: 'kb fit' },
    rest: 'POST /api/knowledge-bases/{id}/fit-ranking',
  },
  {
    ...{ group: 'Agents and tools', what: 'see the health of knowledge bases' },
    ...{ sql: 'select howdah.knowledge_health', graphql: 'knowledgeHealths', cli: 'kb health' },
    rest: 'GET /api/knowledge-bases/{id}/health',
  },
  {
    ...{ group: 'Agents and tools', what: 'add a run to a data set' },
    ...{ sql: 'howdah.add_to_dataset()', graphql: 'addToDataset', cli: 'dataset add-run' },
    rest: 'POST /api/datasets/{id}/runs',
  },
  {
    ...{ group: 'Agents and tools', what: 'start an evaluation' },
    ...{ sql: 'howdah.evaluate()', graphql: 'evaluate', cli: 'eval run' },
    rest: 'POST /api/evaluations',
  },
  {
    ...{ group: 'Agents and tools', what: 'grade a sample of the runs of an agent' },
    ...{ sql: 'howdah.evaluate_runs()', graphql: 'evaluateRuns', cli: 'eval grade-runs' },
    rest: 'POST /api/evaluations/runs',
  },
  {
    ...{ group: 'Agents and tools', what: 'cancel an evaluation' },
    ...{ sql: 'howdah.cancel_evaluation()', graphql: 'cancelEvaluation', cli: 'eval cancel' },
    rest: 'POST /api/evaluations/{id}/cancel',
  },
  {
    ...{ group: 'Agents and tools', what: 'grade results again whose judge failed' },
    ...{ sql: 'howdah.grade_again()', graphql: 'gradeAgain', cli: 'eval grade-again' },
    rest: 'POST /api/evaluations/{id}/grade-again',
  },
  {
    ...{ group: 'Agents and tools', what: 'compare two evaluations' },
    ...{ sql: 'howdah.compare_evaluations()', graphql: 'compareEvaluations', cli: 'eval compare' },
    rest: 'GET /api/evaluations/{id}/comparison',
  },
  {
    ...{ group: 'Agents and tools', what: 'say whether an evaluation passes a gate' },
    ...{ sql: 'howdah.check_evaluation()', graphql: 'checkEvaluation', cli: 'eval wait' },
    rest: 'GET /api/evaluations/{id}/check',
  },
  {
    ...{ group: 'Agents and tools', what: 'see how much the repeats of items differ' },
    ...{ sql: 'select howdah.evaluation_items', graphql: 'evaluationItems', cli: 'eval items' },
    rest: 'GET /api/evaluations/{id}/items',
  },
  {
    ...{ group: 'Agents and tools', what: 'read the quality of versions by day' },
    ...{ sql: 'select howdah.quality_by_day', graphql: 'qualityByDays', cli: 'eval by-day' },
    rest: 'GET /api/quality-by-day',
  },
  {
    ...{ group: 'Agents and tools', what: 'rank what was evaluated on a data set' },
    ...{ sql: 'howdah.leaderboard()', graphql: 'leaderboard', cli: 'eval leaderboard' },
    rest: 'GET /api/datasets/{id}/leaderboard',
  },
  {
    ...{ group: 'Agents and tools', what: 'list results that you have not graded' },
    ...{ sql: 'select howdah.grade_queue', graphql: 'gradeQueues', cli: 'eval queue' },
    rest: 'GET /api/grade-queue',
  },
  {
    ...{ group: 'Agents and tools', what: 'compare graders with people' },
    ...{ sql: 'howdah.grader_agreement()', graphql: 'graderAgreement', cli: 'eval agreement' },
    rest: 'GET /api/evaluations/{id}/agreement',
  },
  {
    ...{ group: 'Agents and tools', what: 'list results on which graders and people disagree' },
    sql: 'howdah.grader_disagreements()',
    ...{ graphql: 'graderDisagreements', cli: 'eval agreement' },
    rest: 'GET /api/evaluations/{id}/disagreements',
  },
  {
    ...{ group: 'Agents and tools', what: 'propose examples for a judge' },
    ...{ sql: 'howdah.rubric_examples()', graphql: 'rubricExamples', cli: 'eval examples' },
    rest: 'GET /api/evaluations/{id}/rubric-examples',
  },
  {
    ...{ group: 'Agents and tools', what: 'export examples to train models with' },
    ...{ sql: ['select howdah.training_examples', 'select howdah.preference_pairs'] },
    ...{ graphql: ['trainingExamples', 'preferencePairs'], cli: 'dataset export' },
    rest: ['GET /api/training-examples', 'GET /api/preference-pairs'],
  },
  {
    ...{ group: 'Agents and tools', what: 'label the version of an evaluation' },
    ...{ sql: 'howdah.promote_evaluation()', graphql: 'promoteEvaluation', cli: 'eval promote' },
    rest: 'POST /api/evaluations/{id}/promote',
  },
  {
    ...{ group: 'Agents and tools', what: 'correct a memory' },
    ...{ sql: 'howdah.correct_memory()', graphql: 'correctMemory', cli: 'dev memories correct' },
    rest: 'POST /api/memories/{id}/correct',
  },
  {
    ...{ group: 'Agents and tools', what: 'pin a memory' },
    ...{ sql: 'howdah.pin_memory()', graphql: 'pinMemory', cli: 'dev memories pin' },
    rest: 'POST /api/memories/{id}/pin',
  },
  {
    ...{ group: 'Agents and tools', what: 'propose a memory' },
    ...{ sql: 'howdah.propose_memory()', graphql: 'proposeMemory', cli: 'dev memories propose' },
    rest: 'POST /api/memories/{id}/propose',
  },
  {
    ...{ group: 'Agents and tools', what: 'approve a proposed memory' },
    ...{ sql: 'howdah.approve_memory()', graphql: 'approveMemory', cli: 'dev memories approve' },
    rest: 'POST /api/memories/{id}/approve',
  },
  {
    ...{ group: 'Agents and tools', what: 'reject a proposed memory' },
    ...{ sql: 'howdah.reject_memory()', graphql: 'rejectMemory', cli: 'dev memories reject' },
    rest: 'POST /api/memories/{id}/reject',
  },
  {
    ...{ group: 'Agents and tools', what: 'recall memories' },
    ...{ sql: 'howdah.recall()', graphql: 'recall', cli: 'dev memories recall' },
    rest: 'GET /api/memories/recall',
  },
  {
    ...{ group: 'Agents and tools', what: 'render a prompt with values' },
    sql: 'howdah.render_prompt()',
  },
  {
    ...{ group: 'Agents and tools', what: 'look up an id by its name' },
    sql: [
      'howdah.agent()',
      'howdah.workflow()',
      'howdah.tool()',
      'howdah.model()',
      'howdah.prompt()',
      'howdah.skill()',
      'howdah.knowledge_base()',
      'howdah.tool()',
    ],
    graphql: ['agents', 'workflows', 'models', 'prompts', 'skills'],
    rest: [
      'GET /api/agents',
      'GET /api/workflows',
      'GET /api/models',
      'GET /api/prompts',
      'GET /api/skills',
    ],
    cli: ['agents show', 'dev workflows show', 'models show', 'dev prompts show'],
  },
  {
    ...{ group: 'Agents and tools', what: 'get the JSON Schema of a configuration' },
    sql: ['howdah.engine_schema()', 'howdah.mcp_server_schema()', 'howdah.workflow_schema()'],
  },
  ...['agent', 'workflow', 'prompt', 'skill'].flatMap((one) => {
    const Name = capital(one);
    const some = withArticle(one);
    const path = `/api/${one}s/{id}`;
    const cli = 'dev versions';
    const group = 'Versions';
    return [
      {
        ...{ group, what: `list the versions of ${some}`, cli },
        rest: [`GET ${path}/versions`, `GET ${path}/versions/{version}`],
        ...{ sql: `select howdah.${one}_versions`, graphql: [`${one}Versions`, `${one}Version`] },
      },
      {
        ...{
          group,
          what: `compare versions of ${some}`,
          sql: `howdah.diff_${one}_versions()`,
          cli,
        },
        rest: `GET ${path}/versions/{version}/compare/{other}`,
      },
      {
        ...{ group, what: `restore a version of ${some}`, cli },
        ...{ sql: `howdah.restore_${one}_version()`, graphql: `restore${Name}Version` },
        rest: `POST ${path}/versions/{version}/restore`,
      },
      ...(one === 'skill'
        ? []
        : [
            {
              ...{ group, what: `label a version of ${some}`, cli },
              sql: [
                `howdah.label_${one}_version()`,
                'insert howdah.version_labels',
                'update howdah.version_labels',
              ],
              graphql: ['createVersionLabel', 'updateVersionLabel'],
              rest: `PUT ${path}/labels/{label}`,
            },
          ]),
    ];
  }),
  {
    ...{ group: 'Versions', what: 'list labels of versions', sql: 'select howdah.version_labels' },
    ...{ graphql: ['versionLabels', 'versionLabel'], cli: 'dev versions' },
    rest: ['agents', 'workflows', 'prompts'].map((kind) => `GET /api/${kind}/{id}/versions`),
  },
  {
    ...{ group: 'Versions', what: 'remove a label of a version' },
    ...{ sql: 'delete howdah.version_labels', graphql: 'deleteVersionLabel' },
    rest: ['agents', 'workflows', 'prompts'].map(
      (kind) => `DELETE /api/${kind}/{id}/labels/{label}`,
    ),
  },
  {
    ...{ group: 'Agent systems', what: 'apply files of an agent system' },
    ...{ sql: 'howdah.apply_agent_system()', cli: 'apply' },
    rest: ['POST /agent-systems', 'POST /agent-systems/apply'],
  },
  {
    ...{ group: 'Agent systems', what: 'check files without applying them' },
    ...{ sql: 'howdah.apply_agent_system()', graphql: 'applyAgentSystem' },
    ...{ rest: 'POST /agent-systems/check', cli: ['dev validate', 'diff'] },
  },
  {
    ...{ group: 'Agent systems', what: 'list agent systems' },
    sql: ['select howdah.agent_systems', 'select howdah.agent_system_versions'],
    graphql: ['agentSystems', 'agentSystem', 'agentSystemVersions', 'agentSystemVersion'],
    rest: ['GET /agent-systems', 'GET /agent-systems/{id}'],
  },
  {
    ...{
      group: 'Agent systems',
      what: 'export an agent system',
      sql: 'howdah.export_agent_system()',
    },
    rest: ['GET /agent-systems/{id}/export', 'GET /agent-systems/export'],
    cli: 'dev export',
  },
  {
    ...{
      group: 'Agent systems',
      what: 'import a project of fast-agent',
      cli: 'dev import fast-agent',
    },
    rest: 'POST /agent-systems/import',
  },
  {
    ...{ group: 'People and keys', what: 'revoke an API key', sql: 'howdah.revoke_api_key()' },
    ...{ rest: 'POST /api/api-keys/{id}/revoke', cli: 'admin key revoke' },
  },
  {
    ...{ group: 'People and keys', what: 'erase the data of a user', sql: 'howdah.erase_user()' },
    ...{ rest: 'POST /api/users/{id}/erase', cli: 'admin users erase' },
  },
  {
    ...{ group: 'People and keys', what: 'export the data of a user' },
    ...{ sql: 'howdah.export_user_data()', cli: 'admin users export' },
  },
  { group: 'People and keys', what: 'make a token', cli: 'admin token' },
  {
    ...{ group: 'People and keys', what: 'show who the caller is', sql: 'howdah.me()' },
    ...{ rest: 'GET /api/me', cli: 'admin whoami' },
  },
  {
    ...{ group: 'People and keys', what: 'show the permissions of roles' },
    ...{ sql: 'select howdah.permissions', graphql: 'permissions' },
  },
  {
    ...{ group: 'Rules', what: 'show the use of limits' },
    sql: ['select howdah.limit_usage', 'howdah.limits_usage()'],
    graphql: 'limitUsages',
  },
  {
    ...{ group: 'Rules', what: 'try output filters', sql: 'howdah.preview_output_filters()' },
    ...{ rest: 'POST /api/output-filters/preview', cli: 'admin filters test' },
  },
  {
    ...{
      group: 'Agents and tools',
      what: 'create an analyst of your tables',
      sql: 'howdah.use_analyst()',
    },
  },
  {
    ...{ group: 'Rules', what: 'use a set of tool policies', sql: 'howdah.use_tool_policies()' },
    ...{ rest: 'POST /api/tool-policies/use', cli: 'admin policies list' },
  },
  {
    ...{ group: 'Observing', what: 'read the audit log', sql: 'select howdah.audit_log' },
    ...{ graphql: 'auditLogs', rest: 'GET /api/audit-log', cli: 'admin audit' },
  },
  {
    ...{ group: 'Observing', what: 'run one SELECT with your own rights' },
    ...{ sql: 'select howdah.executions', rest: 'POST /api/sql', cli: 'sql' },
  },
  {
    ...{ group: 'Observing', what: 'check the chain of the audit log' },
    ...{ sql: 'howdah.check_audit_log()', graphql: 'checkAuditLog' },
    ...{ rest: 'GET /api/audit-log/check', cli: 'admin audit' },
  },
  {
    ...{ group: 'Observing', what: 'pause a batch job' },
    ...{ sql: 'howdah.pause_batch_job()', graphql: 'pauseBatchJob' },
    ...{ rest: 'POST /api/batch-jobs/{name}/pause', cli: 'admin jobs pause' },
  },
  {
    ...{ group: 'Observing', what: 'resume a batch job' },
    ...{ sql: 'howdah.resume_batch_job()', graphql: 'resumeBatchJob' },
    ...{ rest: 'POST /api/batch-jobs/{name}/resume', cli: 'admin jobs resume' },
  },
  {
    ...{ group: 'Observing', what: 'read the performance of agents and workflows' },
    ...{ sql: 'select howdah.agent_performance', graphql: 'agentPerformances' },
    rest: ['GET /api/agents/{id}/performance', 'GET /api/workflows/{id}/performance'],
  },
  {
    ...{ group: 'Observing', what: 'read cost, usage and other figures' },
    sql: [
      ...[
        'answer_cache',
        'daily_usage',
        'model_performance',
        'model_usage',
        'tool_answer_cache',
        'tool_performance',
        'routing_decisions',
        'plan_tasks',
      ],
      ...['failures', 'approval_times', 'usage_by_day'],
    ]
      .map((view) => `select howdah.${view}`)
      .concat('howdah.usage_by()', 'howdah.executions_queue_seconds()'),
    graphql: [
      ...[
        'answerCaches',
        'dailyUsages',
        'modelPerformances',
        'modelUsages',
        'toolAnswerCaches',
        'toolPerformances',
        'routingDecisions',
        'planTasks',
      ],
      ...['failures', 'approvalTimes', 'usageByDays', 'usageBy'],
    ],
    cli: 'sql',
  },
  {
    ...{ group: 'Observing', what: 'sum usage and cost by agent, model, user or day' },
    ...{ sql: 'howdah.usage_summary()', rest: 'GET /api/usage', cli: 'sql' },
  },
  {
    ...{ group: 'Observing', what: 'see the queue of the tenant and its workers' },
    sql: ['howdah.queue_states()', 'howdah.next_runs()', 'howdah.live_workers()'],
    graphql: ['queueStates', 'nextRuns', 'liveWorkers'],
    ...{ rest: 'GET /api/queue', cli: 'admin queue' },
  },
  {
    ...{ group: 'Observing', what: 'check the promises of the engine for runs of the tenant' },
    ...{ sql: 'howdah.check_runs()', graphql: 'checkRuns', rest: 'GET /api/violations' },
    cli: 'admin violations',
  },
  {
    ...{ group: 'Observing', what: 'list batch jobs with the rows of the tenant' },
    ...{ sql: 'howdah.tenant_batch_jobs()', graphql: 'tenantBatchJobs' },
    ...{ rest: 'GET /api/batch-jobs', cli: 'admin jobs list' },
  },
  {
    ...{ group: 'Observing', what: 'list tenants', sql: 'select howdah.tenants' },
    graphql: ['tenants', 'tenant', 'tenantBySlug'],
  },
];

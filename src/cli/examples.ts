import type { Command } from 'commander';

/**
 * What people type, by the command it begins with; help shows it first. A verb shows the lines that begin with it, and a noun all of
 * its verbs. test/cli/examples.test.ts reads every line as the command would.
 */
export const examples: Readonly<Record<string, readonly string[]>> = {
  '': [
    'howdah start',
    'howdah run development "What is Howdah?"',
    'howdah chat development',
    'howdah COMMAND --help',
  ],
  start: ['howdah start', 'howdah start --watch --tools ./tools'],
  worker: [
    'howdah worker',
    'howdah worker --only tenant=acme --memory 512',
    'howdah worker --once',
  ],
  api: ['howdah api', 'howdah api --drain 30s'],
  open: ['howdah open', 'howdah open -', 'howdah open ID --api https://howdah.example.com'],
  migrate: ['howdah migrate up', 'howdah migrate status', 'howdah migrate down'],
  demo: ['howdah demo'],
  doctor: ['howdah doctor', 'howdah doctor --audit'],
  db: ['howdah db start', 'psql "$(howdah db url)"', 'howdah db stop'],
  backup: ['howdah backup monday.dump', 'howdah backup --all everything.dump'],
  restore: ['howdah restore monday.dump --into postgres://me@localhost/empty --paused'],
  apply: [
    'howdah apply system.yaml --dry-run',
    'howdah apply system.yaml',
    'howdah apply system.yaml --prune',
  ],
  diff: [
    'howdah diff system.yaml',
    'howdah diff system.yaml --prune',
    'howdah diff ID ID',
    'howdah diff ID ID --exit-code --json',
  ],
  validate: ['howdah validate system.yaml', 'howdah validate systems/*.yaml packs/* --offline'],
  export: ['howdah export', 'howdah export helpdesk --out helpdesk.yaml'],
  import: [
    'howdah import fast-agent ./project --out system.yaml',
    'howdah import fast-agent ./project --apply',
  ],
  run: [
    'howdah run support "Where is my order?"',
    'git diff | howdah run reviewer - --budget 0.10',
    'howdah run clerk @letter.txt --attach invoice.pdf --detach',
  ],
  'run-agent': ['howdah run-agent --agent-id ID --message "Where is my order?"'],
  chat: ['howdah chat support', 'howdah chat support --session ID'],
  watch: ['howdah watch', 'howdah watch ID --after 12'],
  logs: [
    'howdah logs --follow',
    'howdah logs --errors --since 1d --agent support',
    'howdah logs ID --json',
  ],
  top: ['howdah top', 'howdah top --once --json'],
  executions: [
    'howdah executions --status failed --since 1h',
    'howdah executions list --agent support --limit 50',
    'howdah executions --status failed -o id | xargs -n 1 howdah retry',
    'howdah executions show ID --tree',
    'howdah executions explain ID',
    'howdah executions watch ID',
    'howdah executions cancel ID',
    'howdah executions pause ID',
    'howdah executions resume ID',
    'howdah executions retry ID',
    'howdah executions fork ID --seq 7',
    'howdah executions export ID --out run.json',
  ],
  ls: [
    'howdah ls runs --status failed --since 1h',
    'howdah ls agents -o csv',
    'howdah ls workflows',
    'howdah ls models',
    'howdah ls prompts',
    'howdah ls tools support',
    'howdah ls mcp',
    'howdah ls questions --all',
    'howdah ls schedules',
    'howdah ls webhooks',
    'howdah ls settings',
    'howdah ls users',
    'howdah ls keys',
    'howdah ls secrets',
  ],
  show: ['howdah show ID', 'howdah show ID --tree'],
  explain: ['howdah explain ID', 'howdah explain HWNTF'],
  cancel: ['howdah cancel ID'],
  pause: ['howdah pause ID'],
  resume: ['howdah resume ID'],
  retry: ['howdah retry ID'],
  fork: [
    'howdah fork ID --seq 7',
    'howdah fork ID --seq 0 --input "The same, shorter"',
    'howdah fork ID --set input.order.number=1001',
  ],
  'export-run': ['howdah export-run ID --out run.json', 'howdah export-run ID --redact'],
  replay: ['howdah replay ID', 'howdah replay run.json --agent support --version 3'],
  questions: ['howdah questions', 'howdah questions --all -o csv'],
  answer: ['howdah answer ID "The blue one"', 'howdah answer ID --data \'{"colour": "blue"}\''],
  approve: [
    'howdah approve ID',
    'howdah approve ID --remember session',
    'howdah approve ID --arguments \'{"amount": 20}\'',
  ],
  reject: ['howdah reject ID --reason "Ask the customer first"'],
  agents: ['howdah agents', 'howdah agents show support'],
  workflows: ['howdah workflows list', 'howdah workflows show nightly'],
  models: [
    'howdah models list',
    'howdah models show default',
    'howdah models create fast --provider openai --model gpt-5-mini --secret openai',
    'howdah models delete fast',
  ],
  prompts: [
    'howdah prompts list',
    'howdah prompts show greeting',
    'howdah prompts create greeting @greeting.txt --variables \'{"name": {"type": "string"}}\'',
    'howdah prompts delete greeting',
  ],
  tools: [
    'howdah tools',
    'howdah tools list support',
    'howdah tools show calculator',
    'howdah tools import-openapi openapi.json --dry-run',
  ],
  mcp: [
    'howdah mcp serve',
    'howdah mcp list',
    'howdah mcp show shelf',
    'howdah mcp accept shelf search',
  ],
  schedules: [
    'howdah schedules list',
    'howdah schedules show morning',
    'howdah schedules create morning --cron "0 9 * * MON-FRI" --agent support --input "Which orders are late?"',
    'howdah schedules run morning',
    'howdah schedules pause morning',
    'howdah schedules resume morning',
    'howdah schedules delete morning',
  ],
  webhooks: [
    'howdah webhooks list',
    'howdah webhooks show https://example.com/hook',
    'howdah webhooks create https://example.com/hook --events execution.failed,question.opened',
    'howdah webhooks delete https://example.com/hook',
    'howdah webhooks deliveries --status failed',
    'howdah webhooks redeliver ID',
  ],
  alerts: ['howdah alerts --now', 'howdah alerts --use --webhook ID'],
  policies: ['howdah policies', 'howdah policies --use strict'],
  filters: [
    'howdah filters list',
    "howdah filters add iban '[A-Z]{2}[0-9]{20}'",
    'howdah filters test "My account is DE00123456780000000000"',
    'howdah filters remove iban',
  ],
  settings: [
    'howdah settings list',
    'howdah settings show max_depth',
    'howdah settings set max_depth 4',
    'howdah settings remove max_depth',
  ],
  sql: [
    'howdah sql "select status, count(*) from howdah.executions group by 1"',
    'howdah sql -o csv < report.sql',
    'howdah sql --write "update howdah.agents set max_cost = 1 where name = \'support\'"',
  ],
  psql: [
    'howdah psql',
    'howdah psql -c "select * from howdah.quota_usage"',
    'howdah psql --read-only -f report.sql',
  ],
  versions: [
    'howdah versions support',
    'howdah versions support --diff 2 3',
    'howdah versions support --restore 2',
  ],
  secret: [
    'printf %s "$KEY" | howdah secret set openai',
    'howdah secret list',
    'howdah secret rotate',
    'howdah secret remove openai',
  ],
  token: ['howdah token --user ada --expires 8h', 'howdah token --tenant acme --user ada --create'],
  users: [
    'howdah users list',
    'howdah users show ada',
    'howdah users create ada --role admin --email ada@example.com',
    'howdah users suspend ada',
    'howdah users admit ada',
    'howdah users export ada --out ada.jsonl',
    'howdah users erase ada --mode anonymise',
  ],
  login: [
    'printf %s "$KEY" | howdah login https://howdah.example.com',
    'howdah login http://127.0.0.1:8000 --no-key --profile local',
  ],
  logout: ['howdah logout', 'howdah logout --all'],
  profiles: ['howdah profiles list', 'howdah profiles use local'],
  'export-user': ['howdah export-user ada --out ada.jsonl'],
  'erase-user': ['howdah erase-user ada --mode anonymise'],
  retention: [
    'howdah retention months',
    'howdah retention --archive ./archive',
    'howdah retention archive 2026-03 --out ./archive',
    'howdah retention restore ./archive/2026-03',
  ],
  key: [
    'howdah key create ci --role member --expires 30d',
    'howdah key list',
    'howdah key revoke hwd_9f2kQ7xYb1Zc',
  ],
  generate: ['howdah generate --executions 1000 --days 30'],
  bench: [
    'howdah bench',
    'howdah bench latency --rounds 5 -o csv',
    'howdah bench --all --check --database-url postgres://me@localhost/postgres',
  ],
  chaos: [
    'howdah chaos',
    'howdah chaos --minutes 10 --workers 4 --only kill,restart_fast --seed 7',
  ],
  completion: [
    'eval "$(howdah completion bash)"',
    'howdah completion fish > ~/.config/fish/completions/howdah.fish',
  ],
};

/** Has help show, before all else, what of these lines is about a command: its own, or those of its verbs. */
export function withExamples(command: Command): void {
  const { parent } = command;
  const noun = parent?.parent ? parent : command;
  const all = examples[parent === null ? '' : noun.name()] ?? [];
  const lines = noun === command ? all : all.filter((line) => isOf(line, noun, command));
  if (lines.length > 0) {
    command.addHelpText(
      'before',
      ['Examples:', ...lines.map((line) => `  ${line}`), ''].join('\n'),
    );
  }
  if (parent !== null) command.commands.forEach(withExamples);
}

/** Whether a line is of this verb, or of the noun alone, which does its first one. */
export function isOf(line: string, noun: Command, verb: Command): boolean {
  const [, word] = new RegExp(`howdah ${noun.name()}\\b ?(\\S*)`).exec(line) ?? [];
  if (word === verb.name()) return true;
  const isVerb = noun.commands.some((one) => one.name() === word);
  return !isVerb && noun.commands[0] === verb;
}

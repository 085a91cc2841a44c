import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const USAGE = `usage: npm create howdah FOLDER [-- OPTIONS]

Writes a TypeScript app with Howdah into a new or empty folder.

  --install        run npm install in the folder
  --howdah FILE    depend on a tarball of howdah instead of the registry
  --help           print this`;

const TEMPLATE = join(import.meta.dirname, 'template');
const OPTIONS = {
  install: { type: 'boolean', default: false },
  howdah: { type: 'string' },
  help: { type: 'boolean', default: false },
};

/** Creates the app that the command line names, and prints what to type next. */
export function main(argv) {
  const { values, positionals } = parseCommandLine(argv);
  if (values.help) return console.log(USAGE);
  const [path] = positionals;
  if (positionals.length !== 1) throw usageError('name one folder for the app');
  const folder = resolve(path);
  const name = appName(folder);
  requireEmpty(folder);
  const tarball = values.howdah === undefined ? undefined : requireTarball(values.howdah);
  writeApp(folder, name, tarball);
  if (values.install) install(folder);
  console.log(nextSteps(folder, values.install));
}

function parseCommandLine(argv) {
  try {
    return parseArgs({ args: argv, options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw usageError(error.message);
  }
}

function usageError(message) {
  return Object.assign(new Error(`${message}\n\n${USAGE}`), { exitCode: 2 });
}

/** Returns the name of the package, which is that of its folder. */
function appName(folder) {
  const name = basename(folder);
  if (!/^[a-z0-9][a-z0-9._-]{0,213}$/.test(name) || name === 'node_modules') {
    throw usageError(
      `"${name}" cannot be the name of an app: use lower-case letters, digits, ".", "_" and "-", such as my-app`,
    );
  }
  // npm refuses a package that depends on its own name
  if (name === 'howdah') throw usageError('an app cannot be named like its dependency "howdah"');
  return name;
}

function requireEmpty(folder) {
  if (!existsSync(folder)) return;
  if (!statSync(folder).isDirectory()) throw new Error(`${folder} is a file; name a new folder`);
  const found = readdirSync(folder).filter((file) => file !== '.git');
  if (found.length > 0) {
    throw new Error(`${folder} is not empty: it contains ${found[0]}; name a new folder`);
  }
}

function requireTarball(path) {
  if (!path.endsWith('.tgz') || !existsSync(path)) {
    throw new Error(`there is no tarball ${path}; "npm pack" in a checkout of Howdah creates one`);
  }
  return resolve(path);
}

function writeApp(folder, name, tarball) {
  mkdirSync(folder, { recursive: true });
  cpSync(TEMPLATE, folder, { recursive: true });
  // npm omits a .gitignore when it packs the template
  renameSync(join(folder, '_gitignore'), join(folder, '.gitignore'));
  editFile(join(folder, 'README.md'), (text) => text.replace('# my-app', `# ${name}`));
  editFile(join(folder, 'package.json'), (text) => {
    const manifest = { ...JSON.parse(text), name };
    // the tarball is copied into the app, so that `docker compose build` finds it
    if (tarball) manifest.dependencies.howdah = `file:${basename(tarball)}`;
    return `${JSON.stringify(manifest, null, 2)}\n`;
  });
  if (tarball) copyFileSync(tarball, join(folder, basename(tarball)));
  writeFileSync(join(folder, '.env'), settings(), { mode: 0o600 });
}

/** Returns the first .env of an app, which nobody opens without its password. */
function settings() {
  const password = randomBytes(18).toString('base64url');
  return `# The password of the app, under any user name. More settings: .env.example\nAPP_PASSWORD=${password}\n`;
}

function editFile(path, edit) {
  writeFileSync(path, edit(readFileSync(path, 'utf8')));
}

function install(folder) {
  const { status, error } = spawnSync('npm install', {
    cwd: folder,
    shell: true,
    stdio: 'inherit',
  });
  if (status !== 0)
    throw new Error('npm install failed; the files of the app are written', { cause: error });
}

function nextSteps(folder, isInstalled) {
  const path = relative('.', folder);
  const commands = [
    ...(path === '' ? [] : [`cd ${path}`]),
    ...(isInstalled ? [] : ['npm install']),
    'npm start',
  ];
  const lines = commands.map((one) => `  ${one}\n`).join('');
  return `Created ${folder}. Next, type:\n\n${lines}\nThe page asks for a password: it is APP_PASSWORD in .env, with any user name.`;
}

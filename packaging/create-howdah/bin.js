#!/usr/bin/env node
// Checks the version of Node in syntax that old ones parse, and then creates the app.

const [major, minor] = process.versions.node.split('.').map(Number);
const isTooOld = major < 22 || (major === 22 && minor < 18) || (major === 23 && minor < 6);

if (isTooOld) {
  console.error(`error: howdah needs Node 22.18 or newer, and this is ${process.version}.`);
  process.exitCode = 1;
} else {
  import('./create-app.js')
    .then(({ main }) => main(process.argv.slice(2)))
    .catch((error) => {
      console.error(`error: ${error.message}`);
      process.exitCode = error.exitCode || 1;
    });
}

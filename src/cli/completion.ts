/** `gyre completion`: what shells need to complete its verbs, options and values. */
import { Argument, type Command } from 'commander';
import { bashScript } from './completion-bash.ts';
import { fishScript } from './completion-fish.ts';
import { verbOf, type Verb } from './completion-tree.ts';
import { zshScript } from './completion-zsh.ts';

const SCRIPTS: Readonly<Record<string, (root: Verb) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

const HELP = `
Install it for good:
  bash   gyre completion bash > /etc/bash_completion.d/gyre
         or for yourself: ~/.local/share/bash-completion/completions/gyre
  zsh    gyre completion zsh > /usr/local/share/zsh/site-functions/_gyre
         or into any folder of $fpath; compinit must run after it
  fish   gyre completion fish > ~/.config/fish/completions/gyre.fish

Examples:
  gyre completion bash
  source <(gyre completion bash)      for this shell alone; zsh the same
  gyre completion fish | source`;

export function registerCompletion(program: Command): void {
  program
    .command('completion')
    .description('print what makes a shell complete gyre')
    .addArgument(new Argument('<shell>', 'which shell').choices(Object.keys(SCRIPTS)))
    .addHelpText('after', HELP)
    .action((shell: string) => void process.stdout.write(SCRIPTS[shell]!(verbOf(program))));
}

/** Completion for fish 3 and newer. */
import { stepTo } from './completion-cases.ts';
import { allVerbs, type CompletedOption, type Values, type Verb } from './completion-tree.ts';

export function fishScript(root: Verb): string {
  const verbs = allVerbs(root);
  return `# Completion of gyre for fish. For this shell:  gyre completion fish | source
function __gyre_at --description 'whether the command line is at this verb'
    set -l verb
    set -l tokens (commandline -opc)
    set -e tokens[1]
    for word in $tokens
        switch "$verb $word"
${verbs
  .filter(({ path }) => path !== '')
  .map(step)
  .join('\n')}
        end
    end
    test "$verb" = "$argv[1]"
end
complete -c gyre -f
${verbs.flatMap(linesOf).join('\n')}
`;
}

function step({ path }: Verb): string {
  return `            case '${stepTo(path)}'\n                set verb '${path}'`;
}

function linesOf({ path, verbs, options, values }: Verb): string[] {
  const at = `complete -c gyre -n '__gyre_at "${path}"'`;
  return [
    ...verbs.map(({ name, description }) => `${at} -a ${name} -d ${quoted(description)}`),
    ...(values.kind === 'text' ? [] : [`${at}${replyOf(values)}`]),
    ...options.map((option) => `${at}${optionWords(option)}`),
  ];
}

function optionWords({ names, description, values }: CompletedOption): string {
  const words = names.map((name) =>
    name.startsWith('--') ? ` -l ${name.slice(2)}` : ` -s ${name.slice(1)}`,
  );
  const reply = values === undefined ? '' : values.kind === 'text' ? ' -x' : replyOf(values);
  return `${words.join('')}${reply} -d ${quoted(description)}`;
}

function replyOf(values: Values): string {
  if (values.kind === 'choices') return ` -x -a '${values.choices.join(' ')}'`;
  return values.kind === 'folder' ? " -x -a '(__fish_complete_directories)'" : ' -r -F';
}

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

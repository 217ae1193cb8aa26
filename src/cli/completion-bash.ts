/** Completion for bash 4 and newer. */
import { stepCases, valueCases } from './completion-cases.ts';
import { allVerbs, type Values, type Verb } from './completion-tree.ts';

export function bashScript(root: Verb): string {
  const verbs = allVerbs(root);
  return `# Completion of gyre for bash. For this shell:  source <(gyre completion bash)
_gyre() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} verb= word words=
  # Bash parts --option=value at the sign.
  if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}; fi
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$verb $word" in
${stepCases(verbs)}
    esac
  done
  case "$verb:$prev" in
${valueCases(verbs, replyOf)}
  esac
  case "$verb" in
${verbs.map(wordsOf).join('\n')}
  esac
  [[ -z $words ]] || mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _gyre gyre
`;
}

/** From a verb and the next word to the verb that both are. */
function replyOf(values: Values): string {
  switch (values.kind) {
    case 'choices':
      return `mapfile -t COMPREPLY < <(compgen -W '${values.choices.join(' ')}' -- "$cur")`;
    case 'file':
      return FILES('-f');
    case 'folder':
      return FILES('-d');
    default:
      return ':';
  }
}

/** compopt complains when there is no completion under way, as in a test. */
const FILES = (kind: string): string =>
  `compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen ${kind} -- "$cur")`;

function wordsOf({ path, verbs, options, values }: Verb): string {
  const choices = values.kind === 'choices' ? values.choices : [];
  const words = [
    ...verbs.map(({ name }) => name),
    ...choices,
    ...options.flatMap(({ names }) => names.filter((name) => name.startsWith('--'))),
  ];
  return `    '${path}') words='${words.join(' ')}' ;;`;
}

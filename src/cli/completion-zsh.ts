/** Completion for zsh, with what each word means beside it. */
import { stepCases, valueCases } from './completion-cases.ts';
import { allVerbs, type Values, type Verb } from './completion-tree.ts';

export function zshScript(root: Verb): string {
  const verbs = allVerbs(root);
  return `#compdef gyre
# Completion of gyre for zsh. For this shell, after compinit:  source <(gyre completion zsh)
_gyre() {
  local verb= word prev=$words[CURRENT-1] i
  local -a verbs options
  for ((i = 2; i < CURRENT; i++)); do
    case "$verb $words[i]" in
${stepCases(verbs)}
    esac
  done
  case "$verb:$prev" in
${valueCases(verbs, replyOf)}
  esac
  case "$verb" in
${verbs.map(wordsOf).join('\n')}
  esac
  (( \${#verbs} )) && [[ $PREFIX != -* ]] && _describe -t commands command verbs
  (( \${#options} )) && [[ $PREFIX == -* || \${#verbs} -eq 0 ]] && _describe -t options option options
}
# Read as a file of fpath it is the function itself; sourced, it has to say what it is for.
if [[ \${funcstack[1]} == _gyre ]]; then _gyre "$@"; else compdef _gyre gyre; fi
`;
}

function replyOf(values: Values): string {
  switch (values.kind) {
    case 'choices':
      return `compadd -- ${values.choices.join(' ')}`;
    case 'file':
      return '_files';
    case 'folder':
      return '_files -/';
    default:
      return "_message 'a value'";
  }
}

function wordsOf({ path, verbs, options, values }: Verb): string {
  const named = verbs.map(({ name, description }) => described(name, description));
  const choices = values.kind === 'choices' ? values.choices.map((choice) => described(choice, '')) : [];
  const flags = options.flatMap(({ names, description }) =>
    names.filter((name) => name.startsWith('--')).map((name) => described(name, description)),
  );
  return `    '${path}') verbs=(${[...named, ...choices].join(' ')}); options=(${flags.join(' ')}) ;;`;
}

/** `'name:what it is'`; a colon in either is escaped. */
function described(name: string, description: string): string {
  const text = `${name.replaceAll(':', '\\:')}${description === '' ? '' : `:${short(description)}`}`;
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** One line of a menu is short. */
const short = (description: string): string =>
  description.length <= 70 ? description : `${description.slice(0, 69)}…`;

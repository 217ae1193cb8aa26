/** The one type of Node that the files shared with the server mention; nothing else of Node is to be seen in the browser's code. */
declare namespace NodeJS {
  interface ErrnoException extends Error {
    code?: string;
    syscall?: string;
  }
}

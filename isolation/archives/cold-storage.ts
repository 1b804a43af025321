/** Where archives rest: files below one root, by path with `/`. Slow is good enough, and what is stored is sealed already. */
export type ColdStorage = {
  /** Stores a file whole or not at all, in place of one of that path. */
  put(path: string, body: AsyncIterable<Uint8Array>): Promise<void>
  /** Its bytes. Throws `not_found`. */
  open(path: string): Promise<AsyncIterable<Uint8Array>>
  /** Files below a folder, by path ascending; unfinished ones are none. */
  list(folder: string): Promise<StoredFile[]>
  /** False when there was none. */
  delete(path: string): Promise<boolean>
  /** Deletes a folder with all that is in it, unfinished files too; false when there was none. */
  deleteFolder(folder: string): Promise<boolean>
}

export type StoredFile = { readonly path: string; readonly size: number }

/** Bytes that are in memory, as a file takes them. */
export async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

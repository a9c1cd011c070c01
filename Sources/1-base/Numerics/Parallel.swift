import Dispatch

/// Independent computations on all cores.
public enum Parallel {
  /// `body` of every index, in order.
  ///
  /// - Parameter chunk: indices a thread takes at a time; a few keep the hand-over between threads
  ///   cheap where a body is short.
  public static func map<Result: Sendable>(
    _ count: Int, chunk: Int = 1, _ body: @Sendable (Int) -> Result
  ) -> [Result] {
    let results = [Result?](unsafeUninitializedCapacity: count) { buffer, initialized in
      nonisolated(unsafe) let slots = buffer
      DispatchQueue.concurrentPerform(iterations: (count + chunk - 1) / chunk) { block in
        for index in block * chunk..<min(count, (block + 1) * chunk) {
          slots.initializeElement(at: index, to: body(index))
        }
      }
      initialized = count
    }
    return results.compactMap { $0 }
  }
}

import Foundation

/// What a child writes, of which no more than a limit is held.
struct BoundedOutput {
  enum Kept {
    /// All of it: more than the limit is too much.
    case all
    /// The end of it.
    case end
  }

  private(set) var data = Data()
  /// Whether it was more than may be held.
  private(set) var isTooMuch = false
  /// Bytes from the start that hold no line's end.
  private var searched = 0
  private let kept: Kept
  private let limit: Int

  init(_ kept: Kept, limit: Int) {
    self.kept = kept
    self.limit = limit
  }

  /// Takes what can be read without waiting; closes at the end.
  mutating func drain(_ source: Descriptor) {
    guard source.number >= 0 else { return }
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    // A child that writes faster than this reads must not keep it from looking at the clock.
    for _ in 0..<64 {
      let count = read(source.number, &buffer, buffer.count)
      if count > 0 {
        add(buffer[..<count])
      } else if count < 0, errno == EINTR {
        continue
      } else {
        if count == 0 || errno != EAGAIN { source.close() }
        return
      }
    }
  }

  mutating func add(_ bytes: ArraySlice<UInt8>) {
    switch kept {
    case .all:
      let room = limit - data.count
      if bytes.count > room { isTooMuch = true }
      data.append(contentsOf: bytes.prefix(max(0, room)))
    case .end:
      data.append(contentsOf: bytes)
      if data.count > 2 * limit { data = Data(data.suffix(limit)) }
    }
  }

  /// Takes the first line out, without its end; `nil` where there is no whole one.
  mutating func takeLine() -> String? {
    // From where the last look ended: looking again at all of a flood would take for ever.
    let end = data.withUnsafeBytes { bytes -> Int? in
      guard searched < bytes.count, let start = bytes.baseAddress,
        let found = memchr(start + searched, Int32(UInt8(ascii: "\n")), bytes.count - searched)
      else { return nil }
      return UnsafeRawPointer(found) - start
    }
    guard let end else {
      searched = data.count
      return nil
    }
    searched = 0
    let line = String(decoding: data.prefix(end), as: UTF8.self)
    data = Data(data.dropFirst(end + 1))
    return line
  }
}

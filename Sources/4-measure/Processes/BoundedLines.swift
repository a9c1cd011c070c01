import Foundation
import Input

/// The lines that a process hears, none of which may fill its memory.
public struct BoundedLines {
  /// Bytes of a line.
  package static let longest = 64 << 10
  private static let chunk = 4 << 10

  private let descriptor: Int32
  /// What was read and is not taken yet: a line, and the chunk that its end may come with.
  private var held = BoundedOutput(.all, limit: longest + chunk)

  /// - Parameter descriptor: such as that of standard input; it stays open.
  public init(descriptor: Int32) { self.descriptor = descriptor }

  /// The next line without its end; `nil` after the last.
  ///
  /// - Throws: `InputError` where it does not end.
  public mutating func next() throws -> String? {
    while true {
      let line = held.takeLine()
      guard line?.utf8.count ?? held.data.count <= Self.longest else {
        throw InputError(
          "stdin", problem: "has a line of more than \(Self.longest) bytes", expected: "short lines"
        )
      }
      if let line { return line }
      var bytes = [UInt8](repeating: 0, count: Self.chunk)
      let count = read(descriptor, &bytes, bytes.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        // The last one may have no end.
        guard !held.data.isEmpty else { return nil }
        held.add([UInt8(ascii: "\n")])
        continue
      }
      held.add(bytes[..<count])
    }
  }
}

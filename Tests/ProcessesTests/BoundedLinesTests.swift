import Foundation
import Input
import Processes
import TestSupport
import Testing

@Suite struct BoundedLinesTests {
  private func lines(_ text: String) throws -> [String] {
    try Files.withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("requests")
      try Data(text.utf8).write(to: file)
      let handle = try FileHandle(forReadingFrom: file)
      defer { try? handle.close() }
      var requests = BoundedLines(descriptor: handle.fileDescriptor)
      var lines: [String] = []
      while let line = try requests.next() { lines.append(line) }
      return lines
    }
  }

  @Test func linesAreTakenWhole() throws {
    #expect(try lines("") == [])
    #expect(try lines("a\n\nb") == ["a", "", "b"])
    let long = String(repeating: "x", count: BoundedLines.longest)
    #expect(try lines("a\n\(long)\n\(long)\nb\n") == ["a", long, long, "b"])
  }

  @Test(arguments: [1, 1 << 20]) func endlessLinesAreRefused(more: Int) throws {
    let line = String(repeating: "x", count: BoundedLines.longest + more)
    for text in [line, "a\n\(line)\nb\n"] {
      let error = #expect(throws: InputError.self) { try lines(text) }
      #expect(error?.description.contains("more than 65536 bytes") == true)
    }
  }
}

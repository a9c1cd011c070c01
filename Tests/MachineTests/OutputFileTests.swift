import Foundation
import Input
import Machine
import TestSupport
import Testing

@Suite struct OutputFileTests {
  private func mode(_ path: String) -> mode_t {
    var status = stat()
    stat(path, &status)
    return status.st_mode
  }

  private func text(_ path: String) throws -> String {
    try String(contentsOfFile: path, encoding: .utf8)
  }

  @Test func newFilesHaveTheUsualMode() throws {
    try Files.withTemporaryFolder { folder in
      let path = folder.appendingPathComponent("new").path
      try OutputFile.write("text", to: path)
      let mask = umask(0)
      umask(mask)
      #expect(try text(path) == "text")
      #expect(mode(path) & 0o7777 == 0o666 & ~mask)
      // Nothing else is left beside it.
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["new"])
    }
  }

  @Test func modesAndLinksStay() throws {
    try Files.withTemporaryFolder { folder in
      let path = folder.appendingPathComponent("file").path
      try OutputFile.write("old and long", to: path)
      chmod(path, 0o640)
      try OutputFile.write("new", to: path)
      #expect(try text(path) == "new" && mode(path) & 0o7777 == 0o640)
      let link = folder.appendingPathComponent("link").path
      try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "file")
      try OutputFile.write("through", to: link)
      #expect(try text(path) == "through")
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == "file")
      let second = folder.appendingPathComponent("second").path
      try FileManager.default.linkItem(atPath: path, toPath: second)
      try OutputFile.write("both", to: path)
      #expect(try text(second) == "both" && mode(second) & 0o7777 == 0o640)
      // A link to nothing makes what it points to.
      let dangling = folder.appendingPathComponent("dangling").path
      try FileManager.default.createSymbolicLink(atPath: dangling, withDestinationPath: "made")
      try OutputFile.write("made", to: dangling)
      #expect(try text(folder.appendingPathComponent("made").path) == "made")
    }
  }

  /// Devices and pipes are written to, not replaced.
  @Test func devicesAndPipes() throws {
    try Files.withTemporaryFolder { folder in
      let path = folder.appendingPathComponent("pipe").path
      mkfifo(path, 0o600)
      let reader = open(path, O_RDONLY | O_NONBLOCK)
      try OutputFile.write("through", to: path)
      var buffer = [UInt8](repeating: 0, count: 16)
      #expect(read(reader, &buffer, 16) == 7)
      close(reader)
      #expect(mode(path) & S_IFMT == S_IFIFO)
      try OutputFile.write("gone", to: "/dev/null")
      #expect(mode("/dev/null") & S_IFMT == S_IFCHR)
      let full = folder.appendingPathComponent("full").path
      try FileManager.default.createSymbolicLink(atPath: full, withDestinationPath: "/dev/full")
      let error = #expect(throws: HostError.self) { try OutputFile.write("text", to: full) }
      #expect("\(error!)".contains(full) && "\(error!)".contains("No space"))
      #expect(mode("/dev/full") & S_IFMT == S_IFCHR)
    }
  }

  @Test func whatCannotBeWritten() throws {
    for path in ["/nowhere/file", "/", ""] {
      let early = #expect(throws: InputError.self) { try OutputFile.check(path) }
      #expect("\(early!)".contains("cannot be written"))
      #expect(throws: InputError.self) { try OutputFile.write("", to: path) }
    }
  }
}

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

  @Test func foldersAreMadeBeforeTheWork() throws {
    try Files.withTemporaryFolder { folder in
      let path = folder.appendingPathComponent("a/b").path
      try OutputFile.prepareFolder(path)
      try OutputFile.prepareFolder(path)
      #expect(try FileManager.default.contentsOfDirectory(atPath: path).isEmpty)
      let file = folder.appendingPathComponent("file").path
      try OutputFile.write("text", to: file)
      // A file, below one, nowhere, and a folder that takes none.
      for place in [file, file + "/a", "", "/proc/self"] {
        let error = #expect(throws: InputError.self) { try OutputFile.prepareFolder(place) }
        #expect(error?.expected == "a folder to write to")
      }
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

  /// What a shell makes of `>(…)`: a pipe without a name. That of another process is opened anew.
  @Test(arguments: ["/dev/fd/", "/proc/self/fd/", "/proc/\(getpid())/fd/"])
  func openPipes(folder: String) throws {
    let pipe = Pipe()
    let path = folder + "\(pipe.fileHandleForWriting.fileDescriptor)"
    try OutputFile.check(path)
    try OutputFile.write("through", to: path)
    try Files.withTemporaryFolder { folder in
      let link = folder.appendingPathComponent("link").path
      try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
      try OutputFile.write(", by a link", to: link)
    }
    try pipe.fileHandleForWriting.close()
    #expect(try pipe.fileHandleForReading.readToEnd() == Data("through, by a link".utf8))
  }

  @Test(arguments: ["/dev/fd/", "/proc/self/fd/"])
  func endsThatAreReadFrom(folder: String) {
    let pipe = Pipe()
    let path = folder + "\(pipe.fileHandleForReading.fileDescriptor)"
    #expect(throws: InputError.self) { try OutputFile.check(path) }
    #expect(throws: InputError.self) { try OutputFile.write("", to: path) }
    withExtendedLifetime(pipe) {}
  }

  /// `--trace /dev/stdout > file` keeps what is in the file already.
  @Test func openFilesGoOn() throws {
    try Files.withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("file")
      try Data().write(to: file)
      let handle = try FileHandle(forWritingTo: file)
      try handle.write(contentsOf: Data("table, ".utf8))
      try OutputFile.write("trace, ", to: "/dev/fd/\(handle.fileDescriptor)")
      try handle.write(contentsOf: Data("end".utf8))
      try handle.close()
      #expect(try text(file.path) == "table, trace, end")
    }
  }

  /// What is refused, is so before the work, and nothing else is; looking leaves nothing behind.
  @Test func checksSayWhatWritingDoes() throws {
    try Files.withTemporaryFolder { folder in
      let kept = folder.appendingPathComponent("protected").path
      try OutputFile.write("old", to: kept)
      chmod(kept, 0o444)
      let new = folder.appendingPathComponent("new").path
      try OutputFile.check(new)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["protected"])
      for path in [kept, new, new + "/below", kept + "/below", folder.path + "/none/file"] {
        let isPromised = (try? OutputFile.check(path)) != nil
        let isWritten = (try? OutputFile.write("new", to: path)) != nil
        #expect(isPromised == isWritten, "\(path)")
      }
    }
  }

  @Test func whatCannotBeWritten() throws {
    // Root may write in /proc, by its mode.
    for path in ["/nowhere/file", "/", "", "/proc/none", "/dev/fd/9999"] {
      let early = #expect(throws: InputError.self) { try OutputFile.check(path) }
      #expect("\(early!)".contains("cannot be written"))
      #expect(throws: InputError.self) { try OutputFile.write("", to: path) }
    }
  }
}

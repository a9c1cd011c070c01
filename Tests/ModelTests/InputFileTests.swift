import Foundation
import Input
import Model
import TestSupport
import Testing

/// A path may name anything. A reader that hangs, or that fills the memory, fails by not ending.
@Suite struct InputFileTests {
  private func refusal(_ path: String, _ reader: InputFile = .config) -> String {
    let error = #expect(throws: InputError.self) { try reader.data(at: path) }
    return error?.description ?? ""
  }

  @Test func whatIsNoFileIsRefused() throws {
    #expect(refusal("/dev/zero") == "is a device, not a file; expected a config.json")
    #expect(refusal("/nowhere/at/all").hasPrefix("does not exist"))
    try Files.withTemporaryFolder { folder in
      #expect(refusal(folder.path).hasPrefix("is a folder"))
      let pipe = folder.appendingPathComponent("config.json").path
      #expect(mkfifo(pipe, 0o600) == 0)
      #expect(refusal(pipe).hasPrefix("is a named pipe"))
      let link = folder.appendingPathComponent("link").path
      #expect(symlink("/dev/zero", link) == 0)
      #expect(refusal(link).hasPrefix("is a device"))
      // The config of a folder is read by the same reader.
      let config = #expect(throws: InputError.self) { try Architecture(configAt: folder) }
      #expect(config?.description.contains("named pipe") == true)
    }
  }

  @Test func sizesAreBounded() throws {
    try Files.withTemporaryFolder { folder in
      let sparse = folder.appendingPathComponent("sparse").path
      #expect(FileManager.default.createFile(atPath: sparse, contents: nil))
      #expect(truncate(sparse, 20 << 30) == 0)
      for reader in [
        InputFile.config, .specification, .deviceProfile, .law, .table, .results, .shardIndex,
        .list,
      ] {
        #expect(refusal(sparse, reader).contains("takes 21474836480 bytes; expected a"))
      }
      #expect(truncate(sparse, 1 << 20) == 0)
      let whole = try InputFile.specification.data(at: sparse)
      #expect(whole.count == 1 << 20)
      #expect(truncate(sparse, 1 << 20 + 1) == 0)
      #expect(refusal(sparse, .specification).contains("of at most 1 MiB"))
      #expect(refusal(sparse, .reference).contains("of at most 4 KiB"))
    }
  }

  /// Empty cells take no bytes of a file, but memory.
  @Test func cellsOfTablesAreBounded() {
    let header = (0..<1000).map { "c\($0)" }.joined(separator: ",") + "\n"
    let row = String(repeating: ",", count: 999) + "\n"
    let error = #expect(throws: InputError.self) {
      try DelimitedText(header + String(repeating: row, count: 10_001))
    }
    #expect(
      error?.description
        == "row 10002: brings the cells to 10001000; expected at most 10000000")
  }

  /// What a shell makes of `<(…)`: bounded as well.
  @Test(arguments: ["/dev/fd/", "/proc/self/fd/"])
  func streamsAreRead(folder: String) throws {
    let pipe = Pipe()
    try pipe.fileHandleForWriting.write(contentsOf: Data("{}".utf8))
    try pipe.fileHandleForWriting.close()
    let path = folder + "\(pipe.fileHandleForReading.fileDescriptor)"
    #expect(try InputFile.config.data(at: path) == Data("{}".utf8))
    let zero = try #require(FileHandle(forReadingAtPath: "/dev/zero"))
    #expect(
      refusal(folder + "\(zero.fileDescriptor)", .specification)
        .contains("goes on after 1048576 bytes"))
  }

  @Test(arguments: [
    ("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", "Git LFS pointer"),
    ("<!DOCTYPE html>\n<html><body>Sign in</body></html>", "HTML page"),
    (" \n<HTML lang=en>", "HTML page"),
    ("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", "XML document"),
    ("Entry not found", "hub's error message"),
    ("GGUF\u{3}\0\0\0", "GGUF model"),
    ("PK\u{3}\u{4}", "ZIP archive"),
    ("SQLite format 3\0", "SQLite database"),
  ])
  func foreignContentIsNamed(text: String, expected: String) throws {
    try Files.withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("config.json")
      try Data(text.utf8).write(to: file)
      let error = #expect(throws: InputError.self) { try Architecture(configAt: file) }
      #expect(error?.description.contains(expected) == true, "\(error?.description ?? "")")
    }
  }

  @Test func pathsInFilesStayBelowTheirFolder() throws {
    let folder = URL(fileURLWithPath: "/data/runs")
    #expect(try InputFile.path("a/b.json", below: folder) == "/data/runs/a/b.json")
    #expect(try InputFile.path("./b..json", below: folder) == "/data/runs/./b..json")
    for name in ["/dev/zero", "../b.json", "a/../../b.json", "..", "", "a\0b"] {
      let error = #expect(throws: InputError.self) { try InputFile.path(name, below: folder) }
      #expect(error?.description.contains("leads out of the folder") == true)
    }
    #expect(InputFile.folder(of: "/data/runs/x.csv").path == "/data/runs")
    #expect(
      InputFile.folder(of: "/dev/fd/63").path == FileManager.default.currentDirectoryPath)
  }

  /// Zoo names stay names, whatever lies in the working folder.
  @Test func architecturesInFiles() throws {
    let fixtures = Files.fixtures
    #expect(try Zoo.resolve("huggingface/qwen2", below: fixtures).modelType == "qwen2")
    #expect(try Zoo.resolve("llama-3.2-1b", below: fixtures).name == "llama-3.2-1b")
    for name in ["../Fixtures/huggingface/qwen2", fixtures.path + "/huggingface/qwen2", "no/such"] {
      #expect(throws: InputError.self) { try Zoo.resolve(name, below: fixtures) }
    }
  }
}

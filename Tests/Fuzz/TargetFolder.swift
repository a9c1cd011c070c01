import Foundation
import Glibc
import TestSupport

/// A folder in memory for readers that want a file: what else is in it stays from input to input.
struct TargetFolder {
  let url: URL
  var path: String { url.path }

  init(_ name: String) throws {
    let memory = "/dev/shm"
    let parent =
      FileManager.default.isWritableFile(atPath: memory) ? memory : NSTemporaryDirectory()
    url = URL(fileURLWithPath: parent).appendingPathComponent("dyno-fuzz-\(name)-\(getpid())")
    clear()
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    folderOfProcess = strdup(url.path)
    atexit { removeFolder() }
  }

  func copy(_ fixture: String) throws {
    try FileManager.default.removeItem(at: url)
    try FileManager.default.copyItem(at: Files.fixtures.appendingPathComponent(fixture), to: url)
  }

  /// Removes everything: readers may leave files of their own.
  func clear() {
    try? FileManager.default.removeItem(at: url)
    try? FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  /// Writes `data`, zeros behind it up to a size, and gives the file's path.
  func write(_ data: Data, _ name: String, paddedTo size: Int = 0) throws -> String {
    let path = url.appendingPathComponent(name).path
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    precondition(file >= 0, "\(path): \(String(cString: strerror(errno)))")
    defer { close(file) }
    let written = data.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
    precondition(written == data.count)
    if data.count < size { precondition(ftruncate(file, off_t(size)) == 0) }
    return path
  }
}

nonisolated(unsafe) private var folderOfProcess: UnsafeMutablePointer<CChar>?

private func removeFolder() {
  guard let folderOfProcess else { return }
  try? FileManager.default.removeItem(atPath: String(cString: folderOfProcess))
}

import Foundation

/// Ends a sweep's child with its sweep, however that went: the sweep holds the other end of the
/// child's standard input and never writes.
public enum ParentWatch {
  public static func endWithStandardInput() {
    Thread.detachNewThread {
      var byte: UInt8 = 0
      while true {
        let count = read(STDIN_FILENO, &byte, 1)
        if count == 0 || (count < 0 && errno != EINTR) { _exit(70) }
      }
    }
  }
}

//! The functions of WASI preview 1, and their types in the core of WebAssembly.

/// The module that programs import the functions from.
pub const MODULE: &str = "wasi_snapshot_preview1";

/// The type of a parameter: the interface has integers only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// `i32`: numbers, flags, and every address, since the interface knows memories of 32 bits only.
    I32,
    /// `i64`
    I64,
}

macro_rules! functions {
    ($($variant:ident $name:literal ($($param:ident)*))*) => {
        /// A function of WASI preview 1.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Function {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl Function {
            /// All of them, by name.
            pub const ALL: &'static [Function] = &[$(Function::$variant,)*];

            /// Its name in [`MODULE`].
            pub fn name(self) -> &'static str {
                match self {
                    $(Function::$variant => $name,)*
                }
            }

            /// The types of its parameters.
            pub fn params(self) -> &'static [Type] {
                match self {
                    $(Function::$variant => &[$(Type::$param),*],)*
                }
            }
        }
    };
}

functions! {
    ArgsGet "args_get" (I32 I32)
    ArgsSizesGet "args_sizes_get" (I32 I32)
    ClockResGet "clock_res_get" (I32 I32)
    ClockTimeGet "clock_time_get" (I32 I64 I32)
    EnvironGet "environ_get" (I32 I32)
    EnvironSizesGet "environ_sizes_get" (I32 I32)
    FdAdvise "fd_advise" (I32 I64 I64 I32)
    FdAllocate "fd_allocate" (I32 I64 I64)
    FdClose "fd_close" (I32)
    FdDatasync "fd_datasync" (I32)
    FdFdstatGet "fd_fdstat_get" (I32 I32)
    FdFdstatSetFlags "fd_fdstat_set_flags" (I32 I32)
    FdFdstatSetRights "fd_fdstat_set_rights" (I32 I64 I64)
    FdFilestatGet "fd_filestat_get" (I32 I32)
    FdFilestatSetSize "fd_filestat_set_size" (I32 I64)
    FdFilestatSetTimes "fd_filestat_set_times" (I32 I64 I64 I32)
    FdPread "fd_pread" (I32 I32 I32 I64 I32)
    FdPrestatDirName "fd_prestat_dir_name" (I32 I32 I32)
    FdPrestatGet "fd_prestat_get" (I32 I32)
    FdPwrite "fd_pwrite" (I32 I32 I32 I64 I32)
    FdRead "fd_read" (I32 I32 I32 I32)
    FdReaddir "fd_readdir" (I32 I32 I32 I64 I32)
    FdRenumber "fd_renumber" (I32 I32)
    FdSeek "fd_seek" (I32 I64 I32 I32)
    FdSync "fd_sync" (I32)
    FdTell "fd_tell" (I32 I32)
    FdWrite "fd_write" (I32 I32 I32 I32)
    PathCreateDirectory "path_create_directory" (I32 I32 I32)
    PathFilestatGet "path_filestat_get" (I32 I32 I32 I32 I32)
    PathFilestatSetTimes "path_filestat_set_times" (I32 I32 I32 I32 I64 I64 I32)
    PathLink "path_link" (I32 I32 I32 I32 I32 I32 I32)
    PathOpen "path_open" (I32 I32 I32 I32 I32 I64 I64 I32 I32)
    PathReadlink "path_readlink" (I32 I32 I32 I32 I32 I32)
    PathRemoveDirectory "path_remove_directory" (I32 I32 I32)
    PathRename "path_rename" (I32 I32 I32 I32 I32 I32)
    PathSymlink "path_symlink" (I32 I32 I32 I32 I32)
    PathUnlinkFile "path_unlink_file" (I32 I32 I32)
    PollOneoff "poll_oneoff" (I32 I32 I32 I32)
    ProcExit "proc_exit" (I32)
    ProcRaise "proc_raise" (I32)
    RandomGet "random_get" (I32 I32)
    SchedYield "sched_yield" ()
    SockAccept "sock_accept" (I32 I32 I32)
    SockRecv "sock_recv" (I32 I32 I32 I32 I32 I32)
    SockSend "sock_send" (I32 I32 I32 I32 I32)
    SockShutdown "sock_shutdown" (I32 I32)
}

impl Function {
    /// The function of this name.
    pub fn find(name: &str) -> Option<Function> {
        Function::ALL.iter().copied().find(|function| function.name() == name)
    }

    /// Whether it returns an `i32`, the error number. Only `proc_exit` returns nothing, never.
    pub fn has_result(self) -> bool {
        self != Function::ProcExit
    }
}
